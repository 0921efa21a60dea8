"""How the steps of a plan are carried out: on this machine, or (later) on a cluster."""
