"""Who says it? The models of client churn in a reader's words."""

from barberlab.models.churn_choice import STACK
from barberlab.models.churn_origin import K_OF, LEARNERS

WORDS = {
    **dict(zip(K_OF, ("visits by chance", "each client's own rhythm", "rhythms of several kinds"), strict=True)),
    **{name: name for name in LEARNERS},
    STACK: "rhythm, regression and boosting together",
}


def voice(model: str) -> str:
    """A candidate of `churn_choice` as a page names it, with its name in the back-test's scores where that differs."""
    said = WORDS[model]
    return said if said == model else f"{said} ({model})"
