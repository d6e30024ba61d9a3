"""`python -m simulators.counterparties [--seed 1] [--late 0.05] …`: confirm trades until SIGTERM."""

from simulators import standing
from simulators.counterparties.server import serve
from simulators.counterparties.settings import CounterpartySettings

if __name__ == "__main__":
    standing.run(CounterpartySettings, serve)
