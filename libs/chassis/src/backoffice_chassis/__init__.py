"""What every service of the back office stands on."""

import lazy_loader

# Its names, those of __init__.pyi, are loaded when they are asked for: the command line needs single modules of the
# chassis, and would otherwise import the whole HTTP edge at each start.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
