"""The public names: what `import modnet` gives, each imported when it is first used."""

from .arrays import Array as Array
from .arrays import namespace as namespace
from .components.base import Slot as Slot
from .components.base import named as named
from .components.families import Activation as Activation
from .components.families import Callback as Callback
from .components.families import Cost as Cost
from .components.families import Dataset as Dataset
from .components.families import Descent as Descent
from .components.families import Initializer as Initializer
from .components.families import Layer as Layer
from .components.families import LayerPass as LayerPass
from .components.families import Metric as Metric
from .components.families import Optimizer as Optimizer
from .components.families import Parameter as Parameter
from .components.families import Regularizer as Regularizer
from .components.families import Rule as Rule
from .components.families import Schedule as Schedule
from .config import RunConfig as RunConfig
from .config import load_config as load_config
from .data.dataset import Data as Data
from .document import NeuralNetwork as NeuralNetwork
from .errors import ConfigError as ConfigError
from .errors import DataError as DataError
from .errors import DivergenceError as DivergenceError
from .errors import ModelFileError as ModelFileError
from .errors import ModnetError as ModnetError
from .errors import PluginError as PluginError
from .network import Network as Network
from .plugins.hookspecs import hookimpl as hookimpl
from .storage.model import load as load
from .trainer import Run as Run
from .trainer import Trainer as Trainer

__version__: str
