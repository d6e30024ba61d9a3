"""`python -m simulators.csd [--seed 1] [--failing 0.03] …`: run the CSD until SIGTERM."""

from simulators import standing
from simulators.csd.server import serve
from simulators.csd.settings import CsdSettings

if __name__ == "__main__":
    standing.run(CsdSettings, serve)
