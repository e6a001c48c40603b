"""keldrift from Python: run scenarios, read results with their units, draw them.

    import keldrift
    result = keldrift.run("scenarios/rabi/rabi.yaml", field__0__amplitude="2 MV/cm")
    result.traces.population.plot(hue="band")
    keldrift.plot(result)

run, steady, check, resolve,       the program
describe
Result                            a result file
Sweep                             the folder of a sweep
plot, plot_traces,                figures
plot_phase_space
conductivity, harmonics,          spectra, each with plot_...
spectrogram, coherence_map
Bands, band_path                  band structures, from Wannier90 or from a result
report                            a page about a result

Problems are raised as keldrift.Error with the message of the program.
"""

from .bands import Bands, band_path, plot_bands
from .comparison import plot_traces
from .figures import apply_style
from .overview import plot
from .phase_space import phase_space_movie, plot_phase_space
from .program import check, describe, resolve, run, steady
from .report import report
from .result import (ELEMENTARY_CHARGE_SI, HBAR_EV_FS, HBAR_SI, Error, Quantity, Result,
                     ResultWarning, to_si)
from .spectra import (coherence_map, conductivity, harmonics, plot_coherence_map,
                      plot_conductivity, plot_harmonics, plot_spectrogram, spectrogram)
from .sweep import Sweep

__all__ = [
    "Bands", "ELEMENTARY_CHARGE_SI", "Error", "HBAR_EV_FS", "HBAR_SI", "Quantity", "Result",
    "ResultWarning", "Sweep", "apply_style", "band_path", "check", "coherence_map", "conductivity", "describe",
    "harmonics", "phase_space_movie", "plot", "plot_bands", "plot_coherence_map",
    "plot_conductivity", "plot_harmonics", "plot_phase_space", "plot_spectrogram", "plot_traces", "report",
    "resolve", "run", "spectrogram", "steady", "to_si"]
