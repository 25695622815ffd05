"""The command that shows published pages: serve."""

from typing import Annotated

import typer

from barberlab.cli.terminal import Root, err, out
from barberlab.workspace import find

app = typer.Typer()


@app.command("serve")
def serve_pages(
    address: Annotated[str, typer.Option("--address", help="where to listen")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8866,
    public: Annotated[str, typer.Option("--public", help="the https address of the proxy in front, if any")] = "",
    sample_users: Annotated[
        bool, typer.Option("--sample-users", help="make some, where there are no users yet")
    ] = False,
    root: Root = None,
):
    """Show published pages to those who sign in, until stopped. BARBERLAB_MONITOR_TOKEN opens /metrics to a monitor.

    Example: barberlab serve
    Example: barberlab serve --public https://barber.example.com
    """
    import os

    from barberlab.serve import app as server
    from barberlab.serve import demo, watch
    from barberlab.serve.users import Users

    options = server.Options(find(root), address, port, public, os.environ.get("BARBERLAB_MONITOR_TOKEN", ""))
    if sample_users:
        _say_samples(demo.sample_users(options.workspace, Users()))
    if not Users().names():
        err.print("barberlab: nobody has an account yet: barberlab users add NAME --role ROLE --network NETWORK")
    out.print(f"open {options.url}", markup=False)
    watch.to_stderr()
    server.serve(options)


def _say_samples(samples) -> None:
    if samples:
        out.print("Sample users, told this once; `barberlab users revoke NAME` takes one away:")
    for sample in samples:
        out.print(f"  {sample.person.name:<12}{sample.password}", markup=False)
