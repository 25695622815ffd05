"""barberlab: a research and reporting workspace for barbershop franchise networks."""
