# %% [markdown]
# # From Landau–Zener to relaxation
#
# An electron in a crystal that is pushed by a field can do three things: it moves through its band, it
# jumps to another one, and it scatters. This tutorial goes through them in that order, each with a formula
# to compare with. You need Python with matplotlib and some quantum mechanics of two levels; every run
# takes a few seconds.
#
# keldrift integrates the density matrix $f_{nm}(k,t)$ of electrons with Hamiltonian $H(k)$ in a uniform
# field $E(t)$,
#
# $$\frac{\partial f}{\partial t} = -\frac{i}{\hbar}\,[H(k) - F\cdot r(k),\, f]
#   - \frac{F}{\hbar}\cdot\frac{\partial f}{\partial k} + C[f], \qquad F = qE .$$
#
# The diagonal of $f$ in the basis of the bands are populations, the rest are coherences: the phases between
# the bands. The first two terms are mechanics, $C[f]$ is the scattering.

# %%
import sys

sys.path.insert(0, "../../scripts")  # in a checkout; where keldrift is installed, it does no harm

import keldrift
import matplotlib.pyplot as plt
import numpy as np

HBAR = keldrift.HBAR_EV_FS  # eV fs
plt.rcParams.update({"figure.figsize": (5.6, 3.2), "figure.constrained_layout.use": True,
                     "axes.spines.top": False, "axes.spines.right": False})

# %% [markdown]
# ## 1. One passage through a gap
#
# Two bands meet at an avoided crossing,
#
# $$H(k) = \hbar v k\,\sigma_z + \Delta\,\sigma_x, \qquad E_\pm = \pm\sqrt{(\hbar v k)^2 + \Delta^2},$$
#
# and a constant force drives an electron of the lower band through it: $\hbar\dot k = F$. Landau and Zener
# found in 1932 that it ends in the upper band with the probability
#
# $$P = \exp\left(-\frac{\pi\Delta^2}{\hbar v F}\right).$$
#
# A scenario says all of this. Quantities are texts with units, and anything that is not understood is an
# error. An electron has the charge −1, so a field along −x pushes it to the right.

# %%
VELOCITY, GAP = 10, 0.02  # angstrom/fs, eV (Delta, half the distance of the bands)
START = 0.3  # 1/angstrom: the packet goes from -START to START


def passage(field):
    """A scenario: one packet of electrons through the crossing, in a field in MV/cm."""
    return {
        "title": "Landau-Zener tunneling",
        "statistics": "classical",  # one particle in a small part of the box of k
        "model": {"kind": "dirac1d", "velocity": f"{VELOCITY} angstrom/fs", "gap": f"{GAP} eV",
                  "k_max": "0.36 1/angstrom"},
        "grid": {"k": [180]},
        "initial": {"kind": "gaussian", "band": 0, "momentum": [f"{-START} 1/angstrom"],
                    "width": "31 angstrom"},
        "field": [{"kind": "constant", "amplitude": f"{field} MV/cm", "direction": [-1]}],
        "propagation": {"duration": f"{2 * START * HBAR / (field * 0.01)} fs"},
        "output": {"every": f"{0.004 * HBAR / (field * 0.01)} fs",
                   "snapshots": {"every": f"{0.008 * HBAR / (field * 0.01)} fs"}}}


result = keldrift.run(passage(0.05))
result.traces

# %% [markdown]
# `result.traces` holds what was measured in time, `result.snapshots` the density matrix now and then; all
# with units. The overview shows the packet moving to the right at constant speed and splitting at
# $k = 0$.

# %%
keldrift.plot(result, panels=["population", "coherence", "current"]);

# %% [markdown]
# The coherence does not vanish after the passage: the electron is in a superposition of the bands, in this
# case $|f_{01}| = \sqrt{P(1-P)}$, and not in one or the other. The current of the two parts has opposite
# signs. Compare with the formula over a range of fields:

# %%
fields = np.array([0.02, 0.035, 0.05, 0.1, 0.2])
upper = [float(keldrift.run(passage(field)).traces.population[-1, 1]) for field in fields]
number = float(result.traces.population[0].sum())  # the packet fills a small part of the box
upper = np.array(upper) / number


def landau_zener(field):
    return np.exp(-np.pi * GAP**2 / (HBAR * VELOCITY * field * 0.01))


figure, axes = plt.subplots()
x = np.geomspace(0.015, 0.25, 200)
axes.semilogx(x, landau_zener(x), color="#0072B2", label="Landau and Zener")
axes.semilogx(fields, upper, "o", color="#D55E00", label="keldrift")
axes.set_xticks(fields, [f"{field:g}" for field in fields], minor=False)
axes.set_xticks([], minor=True)
axes.set_xlabel("field (MV/cm)")
axes.set_ylabel("probability of the upper band")
axes.legend(frameon=False)
deviation = np.abs(upper - landau_zener(fields)).max()
print(f"largest deviation: {deviation:.1e}")

# %% [markdown]
# The formula is for a passage from $-\infty$ to $\infty$. What is left of the deviation comes from the
# finite one.
#
# **Exercises**
#
# 1. Start closer to the gap (`START = 0.05`). How far must one begin so that the deviation is below
#    $10^{-3}$?
# 2. Double the gap. By how much must the field grow to keep $P$?

# %%
assert deviation < 2e-4, deviation

# %% [markdown]
# ## 2. Again and again: a crystal
#
# In a crystal $k$ comes back: after a Bloch period $T_B = h/(eEa)$ the electron is where it began, has
# passed the gap once more, and the two parts of it interfere. A chain with two orbitals per cell and hoppings
# $t_1$, $t_2$ has gaps of $2|t_1 - t_2|$ at the edge of the zone.

# %%
T1, T2, A = 0.27, 0.23, 5.0  # eV, eV, angstrom
FIELD = 0.4  # MV/cm
PERIOD = 2 * np.pi * HBAR / (FIELD * 0.01 * A)

chain = {
    "title": "Bloch oscillations and Zener tunneling in a chain",
    "model": {"kind": "ssh", "t1": f"{T1} eV", "t2": f"{T2} eV",
              "lattice_constant": f"{A} angstrom", "positions": ["0 angstrom", "2.5 angstrom"]},
    "grid": {"k": [128]},
    "initial": {"kind": "equilibrium", "temperature": "150 K", "filling": 1},
    "field": [{"kind": "constant", "amplitude": f"{FIELD} MV/cm"}],
    "propagation": {"duration": f"{4 * PERIOD} fs"},
    "output": {"every": f"{PERIOD / 128} fs", "snapshots": {"every": f"{PERIOD / 32} fs"}}}

keldrift.plot_bands(keldrift.band_path(chain));

# %%
free = keldrift.run(chain)
keldrift.plot(free, panels=["population", "current", "energy"]);

# %% [markdown]
# A full band carries no current — until tunneling leaves holes in it. Every electron passes the gap once a
# period, but at different times, so that the population of the upper band rises evenly: $P$ in the first
# period. After that the parts that were split before meet again, with a phase that depends on the path:
# what is seen at one $k$ is interference, not a sum of probabilities.
#
# Energy is gained as fast as the field does work: the difference is zero to the tolerance of the run.

# %%
step = float(free.traces.population[128, 1] - free.traces.population[0, 1])
landau = np.exp(-np.pi * (T1 - T2)**2 / (A * np.sqrt(T1 * T2) * FIELD * 0.01))
gained = float(free.traces.energy[-1] - free.traces.energy[0])
work = float(free.traces.work[-1])
print(f"upper band after one period: {step:.4f}; Landau and Zener: {landau:.4f}")
print(f"energy gained {gained:.6f} eV, work of the field {work:.6f} eV")

# %% [markdown]
# **Exercises**
#
# 3. Why is the number after one period only close to the formula? (Is $H(k)$ linear in $k$ at the gap?)
# 4. Change `FIELD` a little and look at the population after two periods: where does it rise, where does
#    it come back? The phase is $\frac{1}{\hbar}\int (E_+ - E_-)\,dt$ over one period.

# %%
assert abs(step / landau - 1) < 0.1, (step, landau)
assert abs(gained - work) < 1e-5, (gained, work)

# %% [markdown]
# ## 3. Coherence has a spectrum
#
# A kick, $E(t) = p\,\delta(t)$, moves all electrons by the same $\Delta k$ at once. What they do afterwards
# is free: between the bands the phase turns with the gap at each $k$, $f_{10} \propto
# e^{-i(E_1 - E_0)t/\hbar}$. The Fourier transform of the snapshots shows it.

# %%
kick = {**chain, "title": "After a kick", "grid": {"k": [64]},
        "field": [{"kind": "kick", "impulse": f"{HBAR * 2 * np.pi / A / 64} V fs/angstrom"}],
        "propagation": {"duration": "160 fs"},
        "output": {"every": "0.25 fs", "snapshots": {"every": "1 fs"}}}
kicked = keldrift.run(kick)
keldrift.plot_coherence_map(keldrift.coherence_map(kicked));

# %% [markdown]
# Each $k$ oscillates, and yet the current, their sum, fades: they get out of step. Nothing is lost in that;
# the purity stays. This is *dephasing*, and it is not scattering. The transform of the current over that of
# the field is the conductivity; light is absorbed from the gap on.

# %%
sigma = keldrift.conductivity(kicked, width=0.03, max_energy=1.5)
keldrift.plot_conductivity(sigma);

# %%
purity = kicked.traces.purity
drift = float(abs(purity - purity[0]).max())
edge = float(sigma.energy[int(abs(sigma.real[0]).argmax())])
print(f"purity changes by {drift:.1e}; absorption is largest at {edge:.3f} eV, "
      f"the gap is {2 * abs(T1 - T2):.3f} eV")

# %% [markdown]
# **Exercises**
#
# 5. Where is the coherence smallest, and why? (Look at the matrix element of the velocity.)
# 6. Halve the impulse. What must not change in $\sigma(\omega)$? What does change when the kick is large?

# %%
assert drift < 1e-6, drift
assert abs(edge - 2 * abs(T1 - T2)) < 0.05, edge

# %% [markdown]
# ## 4. Relaxation
#
# Now the electrons meet phonons, a bath at 300 K, and impurities. The operator `matrix` scatters populations
# and coherences together. What should come out in the end does not depend on how: the Fermi function at the
# temperature of the lattice.

# %%
relaxing = {
    **chain, "title": "Relaxation after a pulse", "grid": {"k": [96]},
    "initial": {"kind": "equilibrium", "temperature": "300 K", "filling": 1},
    "field": [{"kind": "pulse", "amplitude": "1 MV/cm", "center": "80 fs", "fwhm": "50 fs",
               "frequency": "10 THz"}],
    "collisions": {
        "ansatz": "matrix", "broadening": "20 meV",
        "terms": [
            {"kind": "phonon", "energy": "0.15 eV", "coupling": "60 meV", "temperature": "300 K",
             "vertex": "onsite", "broadening": "6 meV"},
            {"kind": "phonon", "energy": "0.08 eV", "coupling": "60 meV", "temperature": "300 K",
             "vertex": "onsite", "broadening": "6 meV"}]},
    "propagation": {"duration": "600 fs"},
    "output": {"every": "4 fs", "snapshots": {"every": "10 fs"}}}
relaxed = keldrift.run(relaxing)
keldrift.plot(relaxed);

# %% [markdown]
# The coherence and the current die within some 50 fs after the pulse. The energy takes several times as
# long: it goes to the phonons a quantum at a time. Without collisions the entropy does not change at all,
# whatever the pulse does; scattering makes it, and then it leaves with the heat.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.0))
for name, run_, color in (("with phonons", relaxed, "#D55E00"),
                          ("without", keldrift.run({**relaxing, "collisions": {}}), "#0072B2")):
    time = run_.traces.time
    left.plot(time, run_.traces.energy - run_.traces.energy[0], label=name, color=color)
    right.plot(time, run_.traces.entropy - run_.traces.entropy[0], label=name, color=color)
left.set_ylabel("energy gained (eV)")
right.set_ylabel("entropy gained ($k_B$)")
for axes in (left, right):
    axes.set_xlabel("time (fs)")
left.legend(frameon=False)

left_over = float(relaxed.traces.energy[-1] - relaxed.traces.energy[0])
taken = float(relaxed.traces.work[-1]) - left_over
print(f"work of the pulse {float(relaxed.traces.work[-1]):.4f} eV, to the phonons {taken:.4f} eV, "
      f"left {left_over:.4f} eV")

# %% [markdown]
# **Exercises**
#
# 7. Take away one of the two phonons. The bands are separated by up to 1 eV: how do electrons get back with
#    quanta of 0.15 eV only? Look at `keldrift.plot(result, panels=[])`.
# 8. Replace `matrix` by `diagonal`, the Boltzmann equation, which scatters populations only. What happens to
#    the coherence? `keldrift.describe("collisions.ansatz")` lists what else there is.
# 9. Compare with relaxation times: `{"ansatz": "t1_t2", "t1": "100 fs", "t2": "20 fs"}`. Which $T_1$ fits
#    the energy? Does it fit for twice the field as well?
#
# From here: [the scenarios](../gallery.md) go through all of this at research size,
# [theory.md](../theory.md) has the equations, `keldrift.report(result, "page.html")` makes a page of any
# result.

# %%
numbers = relaxed.traces.number
assert float(abs(numbers - numbers[0]).max()) < 1e-9
assert 0 < left_over < 0.1 * float(relaxed.traces.work[-1]), left_over
