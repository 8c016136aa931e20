"""The public names: what `import modnet_optuna` gives, each imported when it is first used."""

from .outcome import TrialResult as TrialResult
from .reporter import Reporter as Reporter
from .search import Search as Search
from .tuning import tune as tune
