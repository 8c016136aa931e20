"""The conformance kit: it tells the author of a component, check by check, whether the component is right.

It needs nothing but modnet itself. Only `parametrize_checks` imports pytest, when it is called; array-api-strict is
used if it is installed.
"""

from modnet.testing.checks import Check, checks_of
from modnet.testing.report import ConformanceError, Report, Result
from modnet.testing.resume import ResumeReport, check_resume
from modnet.testing.run import check_component, parametrize_checks

__all__ = [
    "Check",
    "ConformanceError",
    "Report",
    "Result",
    "ResumeReport",
    "check_component",
    "check_resume",
    "checks_of",
    "parametrize_checks",
]
