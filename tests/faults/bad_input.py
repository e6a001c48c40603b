#!/usr/bin/python3
"""What keldrift says and does when it is given something wrong: for every row of the tables the exact
message, the exit status, and no file left behind. Called as bad_input.py PATH_TO_KELDRIFT.

In a message, FOLDER stands for the folder of the test, and "..." at the end for anything: what follows
depends on rounding or on a library. `run` and `check` must agree.
"""

import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

PULSE = "kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs"
GOOD = f"""title: good
model: {{kind: ssh, t1: 1 eV, t2: 0.8 eV, lattice_constant: 3 angstrom, positions: [0 angstrom, 1 angstrom]}}
grid: {{k: [8]}}
initial: {{kind: equilibrium, temperature: 300 K, filling: 1}}
field: [{{{PULSE}}}]
propagation: {{duration: 4 fs}}
output: {{file: out.h5}}
"""
INITIAL = "kind: equilibrium, temperature: 300 K, filling: 1"

# Whole files: (name, bytes or text, exit status, message)
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
TEXTS = [
    ('an empty file', '', 2,
     's.yaml:1:1: error: the scenario is empty (expected KEY: VALUE)'),
    ('only a comment', '# nothing\n', 2,
     's.yaml:1:1: error: the scenario is empty (expected KEY: VALUE)'),
    ('a single word', 'hello', 2,
     's.yaml:1:1: error: got "hello" (expected a mapping, KEY: VALUE)'),
    ('a list', '- a\n- b\n', 2,
     's.yaml:1:1: error: got a list (expected a mapping, KEY: VALUE)'),
    ('a tab', 'model:\n\tkind: ssh\n', 2,
     's.yaml:2:1: error: a tab where YAML allows none (expected spaces)'),
    ('an open quote', GOOD + 'x: "abc\n', 2,
     's.yaml:9:1: error: YAML: found unexpected end of stream, while scanning a quoted scalar that begins '
     'in line 8'),
    ('an open brace', GOOD + 'x: {a: 1\n', 2,
     "s.yaml:9:1: error: YAML: did not find expected ',' or '}', while parsing a flow mapping that begins "
     'in line 8'),
    ('a second document', GOOD + '---\na: 1\n', 2,
     's.yaml:8:1: error: a second YAML document (expected only one)'),
    ('a duplicate section', GOOD + 'title: again\n', 2,
     's.yaml:8:1: error: duplicate key "title" (first given in line 1)'),
    ('no UTF-8', GOOD.encode() + b'x: \xff\xfe\n', 2,
     's.yaml:8:4: error: invalid leading UTF-8 octet (expected UTF-8 text)'),
    ('a zero character', GOOD.encode() + b'x: a\0b\n', 2,
     's.yaml:8:5: error: control characters are not allowed (expected UTF-8 text)'),
    ('an escaped zero character', GOOD + 'x: "a\\0b"\n', 2,
     's.yaml:8:4: error: a text contains a zero character'),
    ('a control character', GOOD.encode() + b'x: \x01\n', 2,
     's.yaml:8:4: error: control characters are not allowed (expected UTF-8 text)'),
    ('an unknown anchor', GOOD.replace('good', '*nowhere'), 2,
     's.yaml:1:8: error: YAML: found undefined alias'),
    ('an alias in itself', GOOD + 'x: &a [*a]\n', 2,
     's.yaml:8:4: error: an alias within what it stands for'),
    ('an alias bomb', BOMB, 2,
     's.yaml:5:5: error: too large, with every alias written out (expected at most 10000 values from aliases)'),
    ('a long text many times', 'a: &a "' + 60000 * 'x' + '"\nb: [' + 20 * '*a, ' + ']\n', 2,
     's.yaml:2:4: error: too large, with every alias written out (expected at most 10000 values from aliases)'),
    ('too many values', 'a: [' + 1000000 * '0,' + ']\n', 2,
     's.yaml:1:2000001: error: too large (expected at most 1000000 values)'),
    ('a deep flow', 'a: ' + '[' * 20000 + ']' * 20000, 2,
     's.yaml:1:67: error: nested too deeply (expected at most 64 levels)'),
    ('a deep block', ''.join('  ' * i + 'a:\n' for i in range(300)), 2,
     's.yaml:65:129: error: nested too deeply (expected at most 64 levels)'),
    ('a huge text', GOOD.replace('good', 'x' * 70000), 2,
     's.yaml:1:8: error: a text of 70000 bytes (expected at most 65536)'),
    ('a huge key', GOOD + 'y' * 5000 + ': 1\n', 2,
     "s.yaml:8:5001: error: YAML: could not find expected ':', while scanning a simple key"),
    ('many keys', GOOD + ''.join(f'k{i}: 1\n' for i in range(1100)), 2,
     's.yaml:1:1: error: a mapping with 1107 keys (expected at most 1000)'),
    ('a list as a key', GOOD + '? [a, b]\n: 1\n', 2,
     's.yaml:8:3: error: a key that is not a plain word'),
    ('no colon', GOOD + 'hello world\n', 2,
     "s.yaml:9:1: error: YAML: could not find expected ':', while scanning a simple key that begins in "
     'line 8'),
    ('an indent between two', GOOD + 'a:\n   b: 1\n  c: 2\n', 2,
     's.yaml:10:3: error: YAML: did not find expected key, while parsing a block mapping that begins in '
     'line 1'),
    ('another YAML', '%YAML 9.9\n---\n' + GOOD, 2,
     's.yaml:1:1: error: YAML: found incompatible YAML document'),
]

def with_r(line):
    """An R grid of 24 angstrom, and a line below it: what to replace, and by what."""
    return 'k: [8]}', f'k: [8], r: {{points: [8], length: [24 angstrom]}}}}\n{line}'



# Edits of GOOD: (name, what to replace, by what, exit status, message)
EDITS = [
    ('wrong unit', 't1: 1 eV', 't1: 1 fs', 2,
     's.yaml:2:24: error: model.t1: "1 fs" is a time (expected an energy such as "0.3 eV")'),
    ('unknown unit', '1 MV/cm', '1 MV/parsnip', 2,
     's.yaml:5:34: error: field.0.amplitude: unknown unit "MV/parsnip" in "1 MV/parsnip" (expected an '
     'electric field such as "2 MV/cm")'),
    ('no unit', 'fwhm: 1 fs', 'fwhm: 1', 2,
     's.yaml:5:63: error: field.0.fwhm: the bare number 1 has no unit (expected a time such as "10 fs")'),
    ('unknown key', 't2: 0.8 eV', 't3: 0.8 eV', 2,
     's.yaml:2:8: error: model.t2: the required key is missing (expected an energy such as "0.3 '
     'eV")\ns.yaml:2:30: error: model.t3: unknown key for kind ssh (did you mean t1?)'),
    ('unknown kind', 'kind: ssh', 'kind: sssh', 2,
     's.yaml:2:15: error: model.kind: got "sssh" (did you mean ssh?)'),
    ('duplicate key', 'grid: {k: [8]}', 'grid: {k: [8], k: [9]}', 2,
     's.yaml:3:16: error: duplicate key "k" (first given in line 3)'),
    ('out of range', 'duration: 4 fs', 'duration: -4 fs', 2,
     's.yaml:6:25: error: propagation.duration: "-4 fs" is out of range (expected >= 1e-15 and <= 1e+15 fs)'),
    ('wrong dimension of the grid', 'k: [8]', 'k: [8, 8]', 2,
     's.yaml:3:11: error: grid.k: 2 numbers of points (model ssh is 1-dimensional: expected 1)'),
    ('no integer', 'k: [8]', 'k: [8.5]', 2,
     's.yaml:3:12: error: grid.k.0: got "8.5" (expected an integer)'),
    ('impossible filling', 'filling: 1', 'filling: 3', 2,
     's.yaml:4:59: error: initial.filling: no chemical potential gives the filling 3 of 2 bands (expected '
     '0 to 2 particles per cell and spin)'),
    ('a charge beyond any', 'title: good', 'title: good\ncharge: 1e300', 2,
     's.yaml:2:9: error: charge: "1e300" is out of range (expected >= -1e+06 and <= 1e+06)'),
    ('a cell beyond any', 'lattice_constant: 3 angstrom', 'lattice_constant: 3e12 m', 2,
     's.yaml:2:60: error: model.lattice_constant: "3e12 m" is out of range (expected > 1e-06 and <= 1e+09 angstrom)'),
    ('a cell of no length', 'lattice_constant: 3 angstrom', 'lattice_constant: 1e-6 angstrom', 2,
     's.yaml:2:60: error: model.lattice_constant: "1e-6 angstrom" is out of range (expected > 1e-06 and <= 1e+09 '
     'angstrom)'),
    ('a duration of nothing', 'duration: 4 fs', 'duration: 1e-300 fs', 2,
     's.yaml:6:25: error: propagation.duration: "1e-300 fs" is out of range (expected >= 1e-15 and <= 1e+15 fs)'),
    ('too large a table', 'grid: {k: [8]}', 'grid: {k: [20000]}\ncollisions: {ansatz: matrix, broadening: 9 meV, '
     'method: direct, terms: [{kind: impurity, strength: 1 eV}]}', 2,
     's.yaml:4:57: error: collisions.method: a table of 47.7 GiB for 20000 k points by direct (expected at most 4 '
     'GiB: fft, or fewer points)'),
    ('two ways to fill', 'filling: 1', 'filling: 1, chemical_potential: 0 eV', 2,
     's.yaml:4:10: error: initial: 2 of chemical_potential, filling and density are given (expected '
     'exactly one)'),
    ('no such table', PULSE, 'kind: table, file: nowhere.dat', 3,
     's.yaml:5:29: error: field.0.file: FOLDER/nowhere.dat: error: cannot open: No such file or '
     'directory'),
    ('too large', 'k: [8]', 'k: [4000000000]', 2,
     's.yaml:3:11: error: grid.k: 4000000000 points (expected 1 to 2147483647)'),
    ('collisions without baths', 'output:', 'collisions: {ansatz: matrix}\noutput:', 2,
     's.yaml:7:13: error: collisions.terms: no terms (expected at least one bath for ansatz matrix)'),
    ('a form from nowhere', 'output:', 'collisions: {ansatz: matrix, broadening: 9 meV, terms: [{kind: impurity, strength: 1 eV, form: {kind: table, file: q.dat}}]}\noutput:', 3,
     's.yaml:7:116: error: collisions.terms.0.form.file: FOLDER/q.dat: error: cannot open: No such file '
     'or directory'),
    *[(name, 'output:', f'collisions: {{terms: [{{kind: electron, U: 1 eV, {keys}}}]}}\noutput:', 2,
       f's.yaml:7:{column}: error: collisions.terms.0.{message}') for name, keys, column, message in (
        ('a term that does nothing', 'scattering: false', 60,
         'scattering: false without a mean field, so that the term does nothing (expected true, or '
         'mean_field: hartree_fock)'),
        ('a reference of no mean field', 'mean_field_reference: none', 70,
         'mean_field_reference: without a mean field (expected mean_field: hartree_fock)'),
        ('a negative form of a mean field',
         'mean_field: hartree_fock, form: {kind: expression, expression: "q-1"}', 80,
         'form: negative, -1 (expected the square of a coupling)'),
        ('a contact interaction with a form, in the mean field',
         'mean_field: hartree_fock, interaction: contact, form: {kind: gaussian, q0: 1 1/angstrom}', 102,
         'form: a contact interaction does not depend on q (expected interaction: density, or form: {kind: '
         'constant})'))],
    ('mean fields of two references', 'output:', 'collisions: {terms: [{kind: electron, U: 1 eV, mean_field: hartree_fock}, {kind: electron, U: 1 eV, mean_field: hartree_fock, mean_field_reference: none}]}\noutput:', 2,
     's.yaml:7:149: error: collisions.terms.1.mean_field_reference: none, but another term has initial '
     '(expected one for all)'),
    ('classical particles that exchange', 'output:', 'statistics: classical\ncollisions: {terms: [{kind: electron, U: 1 eV, interaction: density, mean_field: hartree_fock}]}\noutput:', 2,
     's.yaml:8:82: error: collisions.terms.0.mean_field: V(q) of classical particles, which have no exchange, '
     'and whose Hartree term a background cancels (expected none)'),
    ('a mean field in space', *with_r('collisions: {terms: [{kind: electron, U: 1 eV, mean_field: hartree_fock}]}'), 2,
     's.yaml:4:60: error: collisions.terms.0.mean_field: a mean field with an R grid, where the Hartree term is '
     'potential: {kind: hartree} (expected none)'),
    ('bonds without a vertex', 'output:', 'collisions: {ansatz: matrix, broadening: 9 meV, terms: [{kind: impurity, strength: 1 eV, bonds: [[0, 1, 0]]}]}\noutput:', 2,
     's.yaml:7:97: error: collisions.terms.0.bonds: bonds for vertex: onsite (expected vertex: bond)'),
    ('lindblad by FFT', 'output:', 'collisions: {ansatz: lindblad, method: fft, broadening: 9 meV, terms: [{kind: impurity, strength: 1 eV}]}\noutput:', 2,
     's.yaml:7:40: error: collisions.method: fft for ansatz lindblad, whose amplitudes do not convolve '
     '(expected auto or direct)'),
    ('an unknown integrator', 'duration: 4 fs', 'duration: 4 fs, integrator: euler', 2,
     's.yaml:6:43: error: propagation.integrator: got "euler" (expected one of: auto, adams, bdf)'),
    ('a potential without R', 'output:', 'potential: [{kind: harmonic, stiffness: 1 eV/angstrom^2}]\noutput:', 2,
     's.yaml:7:12: error: potential: a potential without an R grid (expected grid.r: {points, length})'),
    ('a coordinate that R lacks', *with_r('potential: [{kind: expression, expression: 0.1*y}]'), 2,
     's.yaml:4:44: error: potential.0.expression: the formula "0.1*y" is invalid: Unexpected token "y" found at '
     'position 4 (expected a formula in x, for grid.r has 1 dimension)'),
    ('a background in z', *with_r('potential: [{kind: hartree, cross_section: 9 nm^2, background: 1e-4*z}]'), 2,
     's.yaml:4:64: error: potential.0.background: the formula "1e-4*z" is invalid: Unexpected token "z" found at '
     'position 5 (expected a formula in x, for grid.r has 1 dimension)'),
    ('a profile along y', 'k: [8]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}',
     'k: [8], r: {points: [8], length: [24 angstrom]}}\ninitial: {kind: local_equilibrium, temperature: 300 K, '
     'filling: 1, density_profile: 1 + y}', 2,
     's.yaml:4:85: error: initial.density_profile: the formula "1 + y" is invalid: Unexpected token "y" found at '
     'position 4 (expected a formula in x, for grid.r has 1 dimension)'),
    ('a modulation with a pole at the start',
     *with_r('potential: [{kind: expression, expression: 0.1*x, modulation: 1/t}]'), 2,
     's.yaml:4:63: error: potential.0.modulation: inf at t = 0 (expected a finite number)'),
    ('contacts without R', 'output:', 'contacts: [{kind: absorber, side: left, width: 9 angstrom, rate: 1 1/fs}]\noutput:', 2,
     's.yaml:7:11: error: contacts: contacts without an R grid (expected grid.r: {points, length})'),
    ('a contact that is too wide', *with_r('contacts: [{kind: absorber, side: left, width: 3 nm, rate: 1 1/fs}]'), 2,
     's.yaml:4:48: error: contacts.0.width: 30 (expected at most 24, the length of the box)'),
    ('an edge wider than its contact',
     *with_r('contacts: [{kind: absorber, side: left, width: 1 nm, edge: 2 nm, rate: 1 1/fs}]'), 2,
     's.yaml:4:60: error: contacts.0.edge: 20 (expected at most the width, 10)'),
    ('a contact that is half empty',
     *with_r('contacts: [{kind: reservoir, side: left, width: 1 nm, rate: 1 1/fs, temperature: 300 K}]'), 2,
     's.yaml:4:12: error: contacts.0: 0 of chemical_potential, filling and density are given (expected '
     'exactly one)'),
    ('a contact along y', *with_r('contacts: [{kind: absorber, side: left, axis: 1, width: 1 nm, rate: 1 1/fs}]'), 2,
     's.yaml:4:47: error: contacts.0.axis: 1 (expected less than 1, the dimension of R)'),
    ('a side in the middle', *with_r('contacts: [{kind: absorber, side: middle, width: 1 nm, rate: 1 1/fs}]'), 2,
     's.yaml:4:35: error: contacts.0.side: got "middle" (expected one of: left, right)'),
    ('a contact that feeds itself', *with_r('contacts: [{kind: absorber, side: left, width: 1 nm, rate: -1 1/fs}]'), 2,
     's.yaml:4:60: error: contacts.0.rate: "-1 1/fs" is out of range (expected >= 0 1/fs)'),
    ('more contacts than ends',
     *with_r('contacts: [' + ', '.join(9 * ['{kind: absorber, side: left, width: 1 nm, rate: 1 1/fs}']) + ']'), 2,
     's.yaml:4:11: error: contacts: 9 contacts (expected at most 8)'),
    ('order 4 with contacts', 'k: [8]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n'
     f'field: [{{{PULSE}}}]\npropagation: {{duration: 4 fs}}',
     'k: [8], r: {points: [8], length: [24 angstrom]}}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n'
     'contacts: [{kind: absorber, side: left, width: 1 nm, rate: 1 1/fs}]\npropagation: {duration: 4 fs, order: 4}', 2,
     's.yaml:6:38: error: propagation.order: 4 with contacts, which cannot go back in time (expected 2)'),
    ('contacts without splitting', 'k: [8]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n'
     f'field: [{{{PULSE}}}]\npropagation: {{duration: 4 fs}}',
     'k: [8], r: {points: [8], length: [24 angstrom]}}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n'
     'contacts: [{kind: absorber, side: left, width: 1 nm, rate: 1 1/fs}]\npropagation: {duration: 4 fs, scheme: unsplit}', 2,
     's.yaml:5:11: error: contacts: contacts with scheme unsplit (expected scheme splitting)'),
    ('charge without splitting', 'k: [8]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n'
     f'field: [{{{PULSE}}}]\npropagation: {{duration: 4 fs}}',
     'k: [8], r: {points: [8], length: [24 angstrom]}}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n'
     'potential: [{kind: harmonic, stiffness: 1 eV/angstrom^2}, {kind: hartree, cross_section: 9 nm^2}]\n'
     'propagation: {duration: 4 fs, scheme: unsplit}', 2,
     's.yaml:5:59: error: potential.1.kind: a hartree potential with scheme unsplit (expected scheme splitting)'),
    ('charge on a line without a cross section', *with_r('potential: [{kind: hartree, permittivity: 12.9}]'), 2,
     's.yaml:4:13: error: potential.0: no cross_section (expected one in angstrom^2 for a model of 1 dimension)'),
    ('a cross section of another dimension', *with_r('potential: [{kind: hartree, cross_section: 3 nm}]'), 2,
     's.yaml:4:44: error: potential.0.cross_section: a cross section in angstrom (expected one in angstrom^2 '
     'for a model of 1 dimension)'),
    ('two charges',
     *with_r('potential: [{kind: hartree, cross_section: 9 nm^2}, {kind: hartree, cross_section: 9 nm^2}]'), 2,
     's.yaml:4:53: error: potential.1.kind: a second hartree potential (expected one)'),
    ('a charge that is modulated', *with_r('potential: [{kind: hartree, cross_section: 9 nm^2, modulation: t}]'), 2,
     's.yaml:4:52: error: potential.0.modulation: unknown key for kind hartree ...'),
    ('half an R grid', 'k: [8]', 'k: [8], r: {points: [8]}', 2,
     's.yaml:3:19: error: grid.r: only one of points and length (expected both or neither)'),
    ('R in more dimensions than k', 'k: [8]', 'k: [8], r: {points: [8, 8], length: [9 angstrom, 9 angstrom]}', 2,
     's.yaml:3:28: error: grid.r.points: 2 numbers of points (expected 1 to 1, the dimension of the '
     'model)'),
    ('another drift', 'k: [8]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n', 'k: [8], r: {points: [8], length: [9 angstrom]}}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\ndrift: sideways\n', 2,
     's.yaml:5:8: error: drift: got "sideways" (expected one of: moyal, gradient)'),
    ('splitting without R', 'duration: 4 fs', 'duration: 4 fs, scheme: splitting', 2,
     's.yaml:6:39: error: propagation.scheme: splitting without an R grid (expected interaction or '
     'unsplit, or grid.r)'),
    ('a step for another scheme', 'duration: 4 fs', 'duration: 4 fs, step: 1 fs', 2,
     's.yaml:6:37: error: propagation.step: a key of scheme splitting (expected that scheme)'),
    ('interaction with R', 'k: [8]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\nfield: [{kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs}]\npropagation: {duration: 4 fs', 'k: [8], r: {points: [8], length: [24 angstrom]}}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\npropagation: {duration: 4 fs, scheme: interaction', 2,
     's.yaml:5:39: error: propagation.scheme: interaction with an R grid (expected splitting or unsplit)'),
    ('bdf with R', 'k: [8]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\nfield: [{kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs}]\npropagation: {duration: 4 fs', 'k: [8], r: {points: [8], length: [24 angstrom]}}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\npropagation: {duration: 4 fs, scheme: unsplit, integrator: bdf', 2,
     's.yaml:5:60: error: propagation.integrator: bdf with an R grid (expected auto or adams)'),
    ('two cats', 'kind: equilibrium, temperature: 300 K, filling: 1', 'kind: cat, momentum: [0 1/angstrom], width: 9 angstrom, separation: [1 angstrom]', 2,
     's.yaml:4:10: error: initial.kind: cat without an R grid (expected grid.r)'),
    ('a tag', 'title: good', 'title: !!python/object:os.system x', 2,
     's.yaml:1:8: error: the tag "tag:yaml.org,2002:python/object:os.system" is not understood (expected '
     'no tag)'),
    ('an integer by tag', '[8]', '[!!int 8]', 2,
     's.yaml:3:12: error: the tag "tag:yaml.org,2002:int" is not understood (expected no tag)'),
    ('a merge key', '{k: [8]}', '{<<: {k: [8]}}', 2,
     's.yaml:3:7: error: grid.k: the required key is missing (expected a list of integers)\ns.yaml:3:8: '
     'error: grid.<<: unknown key (known keys: k, r)'),
    ('a section without content', 'grid: {k: [8]}', 'grid:', 2,
     's.yaml:3:6: error: grid: got nothing (expected a mapping)'),
    ('a list for a section', '{k: [8]}', '[8]', 2,
     's.yaml:3:7: error: grid: got a list (expected a mapping)'),
    ('a number for a section', '{k: [8]}', '8', 2,
     's.yaml:3:7: error: grid: got "8" (expected a mapping)'),
    ('a list for a quantity', 'duration: 4 fs', 'duration: [4 fs]', 2,
     's.yaml:6:25: error: propagation.duration: got a list (expected a time such as "10 fs")'),
    ('a mapping for a list', '[{kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs}]', '{kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs}', 2,
     's.yaml:5:8: error: field: got a mapping (expected a list of mappings)'),
    ('a section missing', 'grid: {k: [8]}\n', '', 2,
     's.yaml:1:1: error: grid: the required key is missing (expected a mapping)'),
    ('a key missing', ', t2: 0.8 eV', '', 2,
     's.yaml:2:8: error: model.t2: the required key is missing (expected an energy such as "0.3 eV")'),
    ('a kind missing', 'kind: ssh, ', '', 2,
     's.yaml:2:8: error: model: the required key kind is missing (expected one of: chain, square, cubic, '
     'ssh, graphene, haldane, dirac1d, dirac2d, parabolic, rashba, tight_binding, wannier90)'),
    ('a list for a kind', 'kind: ssh,', 'kind: [ssh],', 2,
     's.yaml:2:15: error: model.kind: got a list (expected one of: chain, square, cubic, ssh, graphene, '
     'haldane, dirac1d, dirac2d, parabolic, rashba, tight_binding, wannier90)'),
    ('a unit alone', '1 MV/cm', 'MV/cm', 2,
     's.yaml:5:34: error: field.0.amplitude: "MV/cm" does not start with a finite decimal number '
     '(expected an electric field such as "2 MV/cm")'),
    ('a unit too many', '1 MV/cm', '1 MV/cm fs', 2,
     's.yaml:5:34: error: field.0.amplitude: "1 MV/cm fs" is an impulse of the electric field (expected '
     'an electric field such as "2 MV/cm")'),
    ('a decimal comma', 't1: 1 eV', "t1: '1,5 eV'", 2,
     's.yaml:2:24: error: model.t1: unknown unit ",5 eV" in "1,5 eV" (expected an energy such as "0.3 '
     'eV")'),
    ('not a number', 't1: 1 eV', 't1: .nan eV', 2,
     's.yaml:2:24: error: model.t1: ".nan eV" does not start with a finite decimal number (expected an '
     'energy such as "0.3 eV")'),
    ('infinity', 't1: 1 eV', 't1: .inf', 2,
     's.yaml:2:24: error: model.t1: ".inf" does not start with a finite decimal number (expected an '
     'energy such as "0.3 eV")'),
    ('too large for a double', 't1: 1 eV', 't1: 1e999 eV', 2,
     's.yaml:2:24: error: model.t1: "1e999 eV" is beyond double precision (expected an energy such as '
     '"0.3 eV")'),
    ('too small for a double', 't1: 1 eV', 't1: 1e-999 eV', 2,
     's.yaml:2:24: error: model.t1: "1e-999 eV" is beyond double precision (expected an energy such as '
     '"0.3 eV")'),
    ('a hexadecimal number', 't1: 1 eV', 't1: 0x10 eV', 2,
     's.yaml:2:24: error: model.t1: "0x10 eV" does not start with a finite decimal number (expected an '
     'energy such as "0.3 eV")'),
    ('a sum', 't1: 1 eV', 't1: 1+1 eV', 2,
     's.yaml:2:24: error: model.t1: unknown unit "+1 eV" in "1+1 eV" (expected an energy such as "0.3 '
     'eV")'),
    ('an empty text', 't1: 1 eV', "t1: ''", 2,
     's.yaml:2:24: error: model.t1: "" does not start with a finite decimal number (expected an energy '
     'such as "0.3 eV")'),
    ('true for a quantity', 't1: 1 eV', 't1: true', 2,
     's.yaml:2:24: error: model.t1: "true" does not start with a finite decimal number (expected an '
     'energy such as "0.3 eV")'),
    ('a negative temperature', '300 K', '-1 K', 2,
     's.yaml:4:43: error: initial.temperature: "-1 K" is out of range (expected >= 0 K)'),
    ('a huge exponent of a unit', 't1: 1 eV', 't1: 1 eV^99999999999', 2,
     's.yaml:2:24: error: model.t1: unknown unit "eV^99999999999" in "1 eV^99999999999" (expected an '
     'energy such as "0.3 eV")'),
    ('an open parenthesis in a unit', 't1: 1 eV', 't1: 1 ((eV', 2,
     's.yaml:2:24: error: model.t1: unknown unit "((eV" in "1 ((eV" (expected an energy such as "0.3 '
     'eV")'),
    ('a logarithmic unit', 't1: 1 eV', 't1: 1 lg(re eV)', 2,
     's.yaml:2:24: error: model.t1: "1 lg(re eV)" has the wrong dimension (expected an energy such as '
     '"0.3 eV")'),
    ('two numbers', 't1: 1 eV', 't1: 1 0 eV', 2,
     's.yaml:2:24: error: model.t1: unknown unit "0 eV" in "1 0 eV" (expected an energy such as "0.3 '
     'eV")'),
    ('too large in eV', 't1: 1 eV', 't1: 1e300 YJ', 2,
     's.yaml:2:24: error: model.t1: "1e300 YJ" is beyond double precision in eV (expected an energy such '
     'as "0.3 eV")'),
    ('a negative count', '[8]', '[-8]', 2,
     's.yaml:3:11: error: grid.k: -8 points (expected 1 to 2147483647)'),
    ('no points', '[8]', '[0]', 2,
     's.yaml:3:11: error: grid.k: 0 points (expected 1 to 2147483647)'),
    ('no dimensions', '[8]', '[]', 2,
     's.yaml:3:11: error: grid.k: 0 numbers of points (expected 1 to 3, one per dimension)'),
    ('a power for a count', '[8]', '[8e0]', 2,
     's.yaml:3:12: error: grid.k.0: got "8e0" (expected an integer)'),
    ('a count beyond 64 bits', '[8]', '[99999999999999999999]', 2,
     's.yaml:3:12: error: grid.k.0: got "99999999999999999999" (expected an integer)'),
    ('a count beyond 32 bits', '[8]', '[4294967296]', 2,
     's.yaml:3:11: error: grid.k: 4294967296 points (expected 1 to 2147483647)'),
    ('a word for a count', '[8]', '[eight]', 2,
     's.yaml:3:12: error: grid.k.0: got "eight" (expected an integer)'),
    ('a list for a count', '[8]', '[[8]]', 2,
     's.yaml:3:12: error: grid.k.0: got a list (expected an integer)'),
    ('a negative count of R', '[8]', '[8], r: {points: [-4], length: [9 angstrom]}', 2,
     's.yaml:3:28: error: grid.r.points: -4 points (expected 1 to 2147483647)'),
    ('an R grid without extent', '[8]', '[8], r: {points: [4], length: [0 angstrom]}', 2,
     's.yaml:3:41: error: grid.r.length: 0 (expected a positive length)'),
    ('an R grid beyond memory', '[8]', '[8], r: {points: [1000000000], length: [9 angstrom]}', 2,
     's.yaml:3:28: error: grid.r.points: 1e+09 points of R with 8 of k need more than 477 GiB of '
     'memory...'),
    ('half a point of R', '[8]', '[8], r: {points: [3.5], length: [9 angstrom]}', 2,
     's.yaml:3:29: error: grid.r.points.0: got "3.5" (expected an integer)'),
    ('no duration', 'duration: 4 fs', 'duration: 0 fs', 2,
     's.yaml:6:25: error: propagation.duration: "0 fs" is out of range (expected >= 1e-15 and <= 1e+15 fs)'),
    ('a duration of an age', 'duration: 4 fs', 'duration: 1e300 fs', 2,
     's.yaml:6:25: error: propagation.duration: "1e300 fs" is out of range (expected >= 1e-15 and <= 1e+15 '
     'fs)'),
    ('rtol 0', 'duration: 4 fs', 'duration: 4 fs, rtol: 0', 2,
     's.yaml:6:37: error: propagation.rtol: "0" is out of range (expected >= 1e-13 and <= 0.1)'),
    ('a negative rtol', 'duration: 4 fs', 'duration: 4 fs, rtol: -1', 2,
     's.yaml:6:37: error: propagation.rtol: "-1" is out of range (expected >= 1e-13 and <= 0.1)'),
    ('an unknown scheme', 'duration: 4 fs', 'duration: 4 fs, scheme: magic', 2,
     's.yaml:6:39: error: propagation.scheme: got "magic" (expected one of: auto, interaction, unsplit, '
     'splitting)'),
    ('no interval of the frames', 'out.h5', 'out.h5, every: 0 fs', 2,
     's.yaml:7:31: error: output.every: "0 fs" is out of range (expected > 0 fs)'),
    ('too many frames', 'out.h5', 'out.h5, every: 1e-12 fs', 2,
     's.yaml:7:31: error: output.every: 4e+12 frames (expected at most 1e+08)'),
    ('too many snapshots', 'out.h5', 'out.h5, snapshots: {every: 1e-12 fs}', 2,
     's.yaml:7:43: error: output.snapshots.every: 4e+12 snapshots (expected at most 1e+08)'),
    ('no name of the result', 'out.h5', "''", 2,
     's.yaml:7:16: error: output.file: an empty name (expected a file such as result.h5)'),
    ('a folder as the result', 'out.h5', '/tmp', 3,
     '/tmp: error: is a folder (expected a file)'),
    ('a device as the result', 'out.h5', '/dev/null', 3,
     '/dev/null: error: is not an ordinary file, so it cannot be replaced'),
    ('a result in no folder', 'out.h5', 'no/where/x.h5', 3,
     'no/where/x.h5: error: cannot create the file: No such file or directory'),
    ('a result without a name', 'out.h5', 'nameless/', 3,
     'nameless/: error: has no file name (expected FILE.h5)'),
    ('unknown units', 'title: good', 'units: imperial', 2,
     's.yaml:1:8: error: units: got "imperial" (expected one of: eV-fs-angstrom, natural)'),
    ('a charge that is no number', 'title: good', 'charge: nan', 2,
     's.yaml:1:9: error: charge: "nan" does not start with a finite decimal number (expected a number)'),
    ('unknown statistics', 'title: good', 'statistics: anyon', 2,
     's.yaml:1:13: error: statistics: got "anyon" (expected one of: fermion, boson, classical)'),
    ('hbar with units', 'title: good', 'hbar: 2', 2,
     's.yaml:1:1: error: hbar: hbar is a constant of nature here (expected only with "units: natural")'),
    ('bare numbers forgotten', 'title: good', 'units: natural', 2,
     's.yaml:2:24: error: model.t1: "1 eV" has a unit (expected a bare number under "units: '
     'natural")\ns.yaml:2:34: error: model.t2: "0.8 eV" has a unit (expected a bare number under "units: '
     'natural")\ns.yaml:2:60: error: model.lattice_constant: "3 angstrom" has a unit (expected a bare '
     'number under "units: natural")\ns.yaml:2:84: error: model.positions.0: "0 angstrom" has a unit '
     '(expected a bare number under "units: natural")\ns.yaml:2:96: error: model.positions.1: "1 angstrom" '
     'has a unit (expected a bare number under "units: natural")\ns.yaml:4:43: error: initial.temperature: '
     '"300 K" has a unit (expected a bare number under "units: natural")\ns.yaml:5:34: error: '
     'field.0.amplitude: "1 MV/cm" has a unit (expected a bare number under "units: '
     'natural")\ns.yaml:5:51: error: field.0.center: "2 fs" has a unit (expected a bare number under '
     '"units: natural")\ns.yaml:5:63: error: field.0.fwhm: "1 fs" has a unit (expected a bare number under '
     '"units: natural")\ns.yaml:6:25: error: propagation.duration: "4 fs" has a unit (expected a bare '
     'number under "units: natural")'),
    ('no spin', 't2: 0.8 eV', 't2: 0.8 eV, spin_degeneracy: 0', 2,
     's.yaml:2:59: error: model.spin_degeneracy: "0" is out of range (expected > 0)'),
    ('a negative lattice constant', '3 angstrom', '-3 angstrom', 2,
     's.yaml:2:60: error: model.lattice_constant: "-3 angstrom" is out of range (expected > 1e-06 and <= 1e+09 angstrom)'),
    ('too few positions', '[0 angstrom, 1 angstrom]', '[0 angstrom]', 2,
     's.yaml:2:83: error: model.positions: 1 numbers (expected 2, one per orbital)'),
    ('a negative filling', 'filling: 1', 'filling: -1', 2,
     's.yaml:4:59: error: initial.filling: "-1" is out of range (expected >= 0)'),
    ('no filling at all', 'temperature: 300 K, filling: 1', 'temperature: 300 K', 2,
     's.yaml:4:10: error: initial: 0 of chemical_potential, filling and density are given (expected '
     'exactly one)'),
    ('a direction of length zero', 'fwhm: 1 fs', 'fwhm: 1 fs, direction: [0]', 2,
     's.yaml:5:80: error: field.0.direction: the zero vector has no direction'),
    ('a direction in a plane', 'fwhm: 1 fs', 'fwhm: 1 fs, direction: [1, 0]', 2,
     's.yaml:5:80: error: field.0.direction: 2 components (expected 1, one per dimension of the k grid)'),
    ('a negative width', 'fwhm: 1 fs', 'fwhm: -1 fs', 2,
     's.yaml:5:63: error: field.0.fwhm: "-1 fs" is out of range (expected > 0 fs)'),
    ('a field beyond bounds', '1 MV/cm', '1e30 MV/cm', 2,
     's.yaml:5:9: error: field.0: E(t) at t = ...'),
    ('an observable without a matrix', 'output:', 'observables: [{name: x}]\noutput:', 2,
     's.yaml:7:15: error: observables.0: no operator (expected matrix, current_of or re and im)'),
    ('an observable with a path for a name', 'output:', 'observables: [{name: ../x, matrix: pauli_z}]\noutput:', 2,
     's.yaml:7:22: error: observables.0.name: "../x" (expected 1 to 63 letters, digits, \'_\', \'-\' or '
     "'.')"),
    ('an observable of another size', 'output:', 'observables: [{name: x, re: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}]\noutput:', 2,
     's.yaml:7:29: error: observables.0.re: a 3 x 3 matrix (expected 2 x 2, the number of bands)'),
    ('a phonon without energy', 'output:', 'collisions: {ansatz: matrix, broadening: 9 meV, terms: [{kind: phonon, coupling: 1 eV, temperature: 300 K}]}\noutput:', 2,
     's.yaml:7:57: error: collisions.terms.0.energy: the required key is missing (expected an energy such '
     'as "0.3 eV")'),
    ('no broadening', 'output:', 'collisions: {ansatz: matrix, terms: [{kind: impurity, strength: 1 eV}]}\noutput:', 2,
     's.yaml:7:38: error: collisions.terms.0.broadening: not given (expected here or as '
     'collisions.broadening)'),
    ('an unknown Ansatz', 'output:', 'collisions: {ansatz: matirx}\noutput:', 2,
     's.yaml:7:22: error: collisions.ansatz: got "matirx" (did you mean matrix?)'),
    ('t1_t2 without times', 'output:', 'collisions: {ansatz: t1_t2}\noutput:', 2,
     's.yaml:7:22: error: collisions.ansatz: t1_t2 needs the key t1 (expected a time such as "100 fs")'),
]

HOPPINGS = """model:
  kind: tight_binding
  lattice_vectors: [[5 angstrom]]
  positions: [[0 angstrom], [2 angstrom]]
  hoppings:
    - {R: [0],  re: [[0.1 eV, 1 eV], [1 eV, -0.1 eV]]}
    - {R: [-1], re: [[0 eV, 0.8 eV], [0 eV, 0 eV]]}
    - {R: [1],  re: [[0 eV, 0 eV], [0.8 eV, 0 eV]]}
grid: {k: [8]}
initial: {kind: equilibrium, temperature: 300 K, filling: 1}
propagation: {duration: 4 fs}
output: {file: out.h5}
"""
LAST = "    - {R: [1],  re: [[0 eV, 0 eV], [0.8 eV, 0 eV]]}\n"
# Edits of HOPPINGS
TABLES_OF_HOPPINGS = [
    ('a cell without its opposite', LAST, '', 2,
     's.yaml:6:5: error: model.hoppings: R = [-1] is given but -R is not (expected both, with Hermitian '
     'conjugate matrices)'),
    ('a hopping that is not Hermitian', '[0.8 eV, 0 eV]]}', '[0.7 eV, 0 eV]]}', 2,
     's.yaml:6:5: error: model.hoppings: not Hermitian: element [0, 1] at R = [-1] differs by 0.1 from '
     'the conjugate of element [1, 0] at -R'),
    ('energies that are not Hermitian', '[1 eV, -0.1 eV]', '[2 eV, -0.1 eV]', 2,
     's.yaml:6:5: error: model.hoppings: not Hermitian: element [0, 1] at R = [0] differs by 1 from the '
     'conjugate of element [1, 0] at -R'),
    ('an imaginary energy', '[1 eV, -0.1 eV]]}', '[1 eV, -0.1 eV]], im: [[1 eV, 0 eV],[0 eV, 0 eV]]}', 2,
     's.yaml:6:5: error: model.hoppings: not Hermitian: element [0, 0] at R = [0] differs by 2 from the '
     'conjugate of element [0, 0] at -R'),
    ('a cell twice', LAST, 2 * LAST, 2,
     's.yaml:9:11: error: model.hoppings.3.R: the cell is that of hoppings.2 (expected each R once)'),
    ('a row too few', 're: [[0 eV, 0.8 eV], [0 eV, 0 eV]]', 're: [[0 eV, 0.8 eV]]', 2,
     's.yaml:7:21: error: model.hoppings.1.re: a matrix of 1 x 2 numbers (expected 2 x 2)'),
    ('a short row', 're: [[0 eV, 0.8 eV], [0 eV, 0 eV]]', 're: [[0 eV, 0.8 eV], [0 eV]]', 2,
     's.yaml:7:38: error: model.hoppings.1.re.1: a row of 1 numbers (expected 2 as in the first row)'),
    ('three orbitals for two', 're: [[0 eV, 0.8 eV], [0 eV, 0 eV]]', 're: [[0 eV, 0, 0], [0, 0, 0], [0, 0, 0]]', 2,
     's.yaml:7:21: error: model.hoppings.1.re: a matrix of 3 x 3 numbers (expected 2 x 2)'),
    ('a cell in a plane', '{R: [-1],', '{R: [-1, 0],', 2,
     's.yaml:7:11: error: model.hoppings.1.R: 2 numbers (expected 1, one per lattice vector)'),
    ('half a cell', '{R: [-1],', '{R: [-0.5],', 2,
     's.yaml:7:12: error: model.hoppings.1.R.0: got "-0.5" (expected an integer)'),
    ('a cell far away', '{R: [-1],', '{R: [-99999999999],', 2,
     's.yaml:7:11: error: model.hoppings.1.R: -99999999999 is too far away (expected at most 1000000)'),
    ('a hopping without its cell', '{R: [-1], ', '{', 2,
     's.yaml:7:7: error: model.hoppings.1.R: the required key is missing (expected a list of integers)'),
    ('a hopping without numbers', ', re: [[0 eV, 0.8 eV], [0 eV, 0 eV]]}', '}', 2,
     's.yaml:7:7: error: model.hoppings.1.re: the required key is missing (expected a list of rows like '
     '[[1, 0], [0, 1]])'),
    ('a hopping that is no number', '[0 eV, 0.8 eV]', '[0 eV, nan eV]', 2,
     's.yaml:7:29: error: model.hoppings.1.re.0.1: "nan eV" does not start with a finite decimal number '
     '(expected an energy such as "0.3 eV")'),
    ('a hopping in fs', '[0 eV, 0.8 eV]', '[0 eV, 0.8 fs]', 2,
     's.yaml:7:29: error: model.hoppings.1.re.0.1: "0.8 fs" is a time (expected an energy such as "0.3 '
     'eV")'),
    ('no hoppings', HOPPINGS[HOPPINGS.index('  hop'):HOPPINGS.index('grid')], '  hoppings: []\n', 2,
     's.yaml:5:13: error: model.hoppings: an empty list (expected at least one cell)'),
    ('a position for two orbitals', '[[0 angstrom], [2 angstrom]]', '[[0 angstrom]]', 2,
     's.yaml:4:14: error: model.positions: 1 rows of 1 numbers (expected 2 rows of 1: orbitals, '
     'dimensions)'),
    ('positions in a plane', '[[0 angstrom], [2 angstrom]]', '[[0 angstrom, 0], [2 angstrom, 1]]', 2,
     's.yaml:4:14: error: model.positions: 2 rows of 2 numbers (expected 2 rows of 1: orbitals, '
     'dimensions)'),
    ('a lattice vector of length zero', '[[5 angstrom]]', '[[0 angstrom]]', 2,
     's.yaml:3:20: error: model.lattice_vectors: linearly dependent'),
    ('a lattice vector in a plane', '[[5 angstrom]]', '[[5 angstrom, 0]]', 2,
     's.yaml:3:20: error: model.lattice_vectors: 1 rows of 2 numbers (expected 1, 2 or 3 rows of as many '
     'numbers)'),
    ('no lattice vectors', '[[5 angstrom]]', '[]', 2,
     's.yaml:3:20: error: model.lattice_vectors: 0 rows of 0 numbers (expected 1, 2 or 3 rows of as many '
     'numbers)'),
    ('four dimensions', '[[5 angstrom]]', '[[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]', 2,
     's.yaml:3:20: error: model.lattice_vectors: 4 rows of 4 numbers (expected 1, 2 or 3 rows of as many '
     'numbers)'),
    ('dependent lattice vectors', HOPPINGS[:HOPPINGS.index('initial')], """model: {kind: tight_binding, lattice_vectors: [[1, 0], [2, 0]], positions: [[0, 0]],
  hoppings: [{R: [0, 0], re: [[1]]}]}
grid: {k: [2, 2]}
""", 2,
     's.yaml:1:47: error: model.lattice_vectors: linearly dependent'),
]

WANNIER = """model: {kind: wannier90, file: w.dat}
grid: {k: [4, 1, 1]}
initial: {kind: equilibrium, temperature: 300 K, filling: 1}
propagation: {duration: 4 fs}
output: {file: out.h5}
"""
TB = """ a chain of two bands
    5.0   0.0   0.0
    0.0  15.0   0.0
    0.0   0.0  15.0
           2
           3
    1    1    1

   -1    0    0
    1    1   0.0E+00   0.0E+00
    2    1   0.0E+00   0.0E+00
    1    2   8.0E-01   0.0E+00
    2    2   0.0E+00   0.0E+00

    0    0    0
    1    1   1.0E-01   0.0E+00
    2    1   1.0E+00   0.0E+00
    1    2   1.0E+00   0.0E+00
    2    2  -1.0E-01   0.0E+00

    1    0    0
    1    1   0.0E+00   0.0E+00
    2    1   8.0E-01   0.0E+00
    1    2   0.0E+00   0.0E+00
    2    2   0.0E+00   0.0E+00
""" + "".join(f"\n{r:5d}    0    0\n" + "".join(
    f"    {a}    {b}   {2.0 if (r, a, b) == (0, 2, 2) else 0.0:.1E}" + "  0.0E+00" * 5 + "\n"
    for b in (1, 2) for a in (1, 2)) for r in (-1, 0, 1))
HR = "hr\n 2\n 3\n 1 1 1\n" + "".join(
    f" {r} 0 0 {a} {b} {1.0 if r == 0 and a != b else 0.0} 0.0\n"
    for r in (-1, 0, 1) for b in (1, 2) for a in (1, 2))
VECTORS = ", lattice_vectors: [[5 angstrom,0,0],[0,5 angstrom,0],[0,0,5 angstrom]]"


def head(count):
    """The first lines of TB."""
    return "\n".join(TB.split("\n")[:count]) + "\n"


# (name, content of w.dat, keys behind its name, exit status, message)
FILES_OF_WANNIER90 = [
    ('an empty Wannier90 file', '', '', 2,
     'FOLDER/w.dat: error: the file ends too early (expected three components of a lattice vector '
     '(_tb.dat), or the number of Wannier functions (_hr.dat))'),
    ('a heading alone', head(1), '', 2,
     'FOLDER/w.dat:1: error: the file ends too early (expected three components of a lattice vector '
     '(_tb.dat), or the number of Wannier functions (_hr.dat))'),
    ('a lattice vector missing', head(3), '', 2,
     'FOLDER/w.dat:3: error: the file ends too early (expected a lattice vector)'),
    ('the number of cells missing', head(5), '', 2,
     'FOLDER/w.dat:5: error: the file ends too early (expected the number of cells R)'),
    ('no degeneracies', head(6), '', 2,
     'FOLDER/w.dat:6: error: 3 cells with 2 Wannier functions take 24 rows of numbers (the file has 108 '
     'bytes: expected fewer)'),
    ('no matrices', head(7), '', 2,
     'FOLDER/w.dat:6: error: 3 cells with 2 Wannier functions take 24 rows of numbers (the file has 124 '
     'bytes: expected fewer)'),
    ('a matrix without numbers', head(9), '', 2,
     'FOLDER/w.dat:6: error: 3 cells with 2 Wannier functions take 24 rows of numbers (the file has 141 '
     'bytes: expected fewer)'),
    ('a matrix cut off', head(12), '', 2,
     'FOLDER/w.dat:12: error: the file ends too early (expected a b re im)'),
    ('a cell cut off', head(16), '', 2,
     'FOLDER/w.dat:16: error: the file ends too early (expected a b re im)'),
    ('positions missing', head(23), '', 2,
     'FOLDER/w.dat:23: error: the file ends too early (expected a b re im)'),
    ('positions cut off', head(30), '', 2,
     'FOLDER/w.dat:30: error: the file ends too early (expected a b and three times re im)'),
    ('a line cut off', TB[:-3], '', 2,
     'FOLDER/w.dat:43: error: "0.0E+" is not a finite number (expected a b and three times re im)'),
    ('NaN in a matrix', TB.replace('1.0E+00', 'NaN', 1), '', 2,
     'FOLDER/w.dat:17: error: "NaN" is not a finite number (expected a b re im)'),
    ('infinity in a matrix', TB.replace('1.0E+00', 'Infinity', 1), '', 2,
     'FOLDER/w.dat:17: error: "Infinity" is not a finite number (expected a b re im)'),
    ('letters in a matrix', TB.replace('1.0E+00', 'abc', 1), '', 2,
     'FOLDER/w.dat:17: error: "abc" is not a finite number (expected a b re im)'),
    ('many orbitals', TB.replace(' 2\n', ' 99999999\n', 1), '', 2,
     'FOLDER/w.dat:5: error: 99999999 is out of range (expected the number of Wannier functions, 1 to '
     '64)'),
    ('no orbitals', TB.replace('           2\n', '  0\n', 1), '', 2,
     'FOLDER/w.dat:5: error: 0 is out of range (expected the number of Wannier functions, 1 to 64)'),
    ('a negative number of orbitals', TB.replace('           2\n', '  -2\n', 1), '', 2,
     'FOLDER/w.dat:5: error: -2 is out of range (expected the number of Wannier functions, 1 to 64)'),
    ('a billion cells', TB.replace('           3\n', '  999999999\n', 1), '', 2,
     'FOLDER/w.dat:6: error: 999999999 cells with 2 Wannier functions take 7999999992 rows of numbers '
     '(the file has 1389 bytes: expected fewer)'),
    ('a million cells', TB.replace('           3\n', '  1000000\n', 1), '', 2,
     'FOLDER/w.dat:6: error: 1000000 cells with 2 Wannier functions take 8000000 rows of numbers (the '
     'file has 1387 bytes: expected fewer)'),
    ('a cell too few', TB.replace('           3\n', '  4\n', 1), '', 2,
     'FOLDER/w.dat:9: error: -1 is out of range (expected a degeneracy, 1 to 1000000)'),
    ('a cell too many', TB.replace('           3\n', '  2\n', 1), '', 2,
     'FOLDER/w.dat:7: error: "1" at the end of the line (expected only as many degeneracies as cells)'),
    ('a degeneracy of zero', TB.replace('1    1    1', '1    0    1', 1), '', 2,
     'FOLDER/w.dat:7: error: 0 is out of range (expected a degeneracy, 1 to 1000000)'),
    ('half a degeneracy', TB.replace('1    1    1', '1   1.5    1', 1), '', 2,
     'FOLDER/w.dat:7: error: "1.5" is not an integer (expected a degeneracy)'),
    ('binary numbers', bytes(range(256)) * 40, '', 2,
     'FOLDER/w.dat:1: error: a zero byte (expected a text file)'),
    ('zeros', b'\0' * 1000, '', 2,
     'FOLDER/w.dat:1: error: a zero byte (expected a text file)'),
    ('a cell of the file twice', TB.replace('    1    0    0\n', '    0    0    0\n', 1), '', 2,
     'FOLDER/w.dat:21: error: the cell (0, 0, 0) is there twice'),
    ('positions of another cell', TB.replace('    1    0    0\n', '    2    0    0\n', 1), '', 2,
     'FOLDER/w.dat:39: error: the cell (1, 0, 0) (expected (2, 0, 0), the order of the Hamiltonian)'),
    ('an orbital beyond', TB.replace('    2    2   0.0E+00', '    9    2   0.0E+00', 1), '', 2,
     'FOLDER/w.dat:13: error: 9 is out of range (expected the number of a Wannier function, 1 to 2)'),
    ('a file that is not Hermitian', TB.replace('8.0E-01', '7.0E-01', 1), '', 2,
     'FOLDER/w.dat:9: error: not Hermitian: element (1, 2) of the cell (-1, 0, 0) differs by 0.1 eV from '
     'the conjugate in the opposite cell (expected at most 0.001 eV)'),
    ('text at the end', TB + 'some more\n 1 2 3\n', '', 2,
     'FOLDER/w.dat:44: error: "some" after the last matrix (expected the end)'),
    ('dependent vectors in the file', TB.replace('    0.0  15.0   0.0', '    5.0   0.0   0.0'), '', 2,
     'FOLDER/w.dat:4: error: the three lattice vectors are linearly dependent'),
    ('other lattice vectors than the file', TB, VECTORS.replace('5', '6'), 2,
     's.yaml:1:56: error: model.lattice_vectors: component 0 of vector 0 is 6 angstrom, in FOLDER/w.dat:2 '
     'it is 5 (expected agreement within 0.001 angstrom, or no such key)'),
    ('a scissor through a band', TB, ', scissor: 1 eV, fermi_energy: 0.9 eV', 2,
     's.yaml:1:68: error: model.fermi_energy: 0.9 eV has 1 to 2 of 2 bands at or below it (expected an '
     'energy in a gap, because scissor is not 0)'),
    ('no vectors for SEED_hr.dat', HR, '', 2,
     's.yaml:1:32: error: model.file: FOLDER/w.dat has no lattice vectors (expected the key '
     'lattice_vectors)'),
    ('SEED_hr.dat cut off', HR[:-30], VECTORS, 2,
     'FOLDER/w.dat:15: error: a short line (expected the number of a Wannier function)'),
]

# (name, content of t.dat, exit status, message)
TABLE_FILES = [
    ('hexadecimal in a table', '0 0\n0x10 1\n', 2,
     'FOLDER/t.dat:2:1: error: "0x10" is not a finite number (expected columns of numbers; # starts a comment)'),
    ('an empty table', '', 2,
     's.yaml:5:29: error: field.0.file: "FOLDER/t.dat" has 0 rows of 0 columns (expected two columns, '
     'time and field, and at least two rows)'),
    ('a table of comments', '# t E\n', 2,
     's.yaml:5:29: error: field.0.file: "FOLDER/t.dat" has 0 rows of 0 columns (expected two columns, '
     'time and field, and at least two rows)'),
    ('a table of one row', '0 1\n', 2,
     's.yaml:5:29: error: field.0.file: "FOLDER/t.dat" has 1 rows of 2 columns (expected two columns, '
     'time and field, and at least two rows)'),
    ('times that go back', '0 0\n2 1\n1 0\n', 2,
     's.yaml:5:29: error: field.0.file: "FOLDER/t.dat": time 1 of row 3 does not increase (expected '
     'strictly increasing times)'),
    ('a time twice', '0 0\n1 1\n1 0\n3 0\n', 2,
     's.yaml:5:29: error: field.0.file: "FOLDER/t.dat": time 1 of row 3 does not increase (expected '
     'strictly increasing times)'),
    ('a ragged table', '0 0\n1 1 1\n2 0\n', 2,
     'FOLDER/t.dat:2: error: 3 columns (expected 2 as above)'),
    ('NaN in a table', '0 0\n1 nan\n2 0\n', 2,
     'FOLDER/t.dat:2:3: error: "nan" is not a finite number (expected columns of numbers; # starts a '
     'comment)'),
    ('a column too few', '0\n1\n2\n', 2,
     's.yaml:5:29: error: field.0.file: "FOLDER/t.dat" has 3 rows of 1 columns (expected two columns, '
     'time and field, and at least two rows)'),
    ('columns too many', '0 0 0\n1 1 1\n', 2,
     's.yaml:5:29: error: field.0.file: "FOLDER/t.dat" has 2 rows of 3 columns (expected two columns, '
     'time and field, and at least two rows)'),
    ('a heading in a table', 'time E\n0 0\n', 2,
     'FOLDER/t.dat:1:1: error: "time" is not a finite number (expected columns of numbers; # starts a '
     'comment)'),
    ('a binary table', bytes(range(1, 256)), 2,
     'FOLDER/t.dat:1:1: error: "????????" is not a finite number (expected columns of numbers; # starts a '
     'comment)'),
    ('a zero byte in a table', b'0 0\n1\0 1\n2 0\n', 2,
     'FOLDER/t.dat:2: error: a zero byte (expected a text file)'),
    ('a field of a table beyond bounds', '0 0\n1 1e300\n2 0\n', 2,
     's.yaml:5:9: error: field.0: E(t) at t = ...'),
]

# (name, formula, exit status, message)
FORMULAS = [
    ('an open parenthesis', 'sin(t', 2,
     's.yaml:5:40: error: field.0.expression: the formula "sin(t" is invalid: Missing parenthesis '
     '(expected a formula in t)'),
    ('an unknown variable', 'sin(q*t)', 2,
     's.yaml:5:40: error: field.0.expression: the formula "sin(q*t)" is invalid: Unexpected token "q" '
     'found at position 4 (expected a formula in t)'),
    ('a variable of space', 'x*t', 2,
     's.yaml:5:40: error: field.0.expression: the formula "x*t" is invalid: Unexpected token "x" found at '
     'position 0 (expected a formula in t)'),
    ('an empty formula', "''", 2,
     's.yaml:5:40: error: field.0.expression: the formula "" is invalid: Expression is empty (expected a '
     'formula in t)'),
    ('a pole inside', '1/(t-2)', 2,
     's.yaml:5:9: error: field.0: E(t) at t = ...'),
    ('a pole between samples', '1/(t-1.3)', 2,
     's.yaml:5:9: error: field.0: E(t) at t = ...'),
    ('a pole at the start', '1/t', 2,
     's.yaml:5:9: error: field.0: E(t) at t = ...'),
    ('a pole at the end', '1/(t-4)', 2,
     's.yaml:5:9: error: field.0: E(t) at t = ...'),
    ('zero by zero', '0/0*t', 2,
     's.yaml:5:9: error: field.0: E(t) is not finite at t = 0.00012207 (expected finite values from 0 to '
     '4)'),
    ('a root of something negative', 'sqrt(-1-t)', 2,
     's.yaml:5:9: error: field.0: E(t) is not finite at t = 0.00012207 (expected finite values from 0 to '
     '4)'),
    ('an overflow', 'exp(1000*t)', 2,
     's.yaml:5:9: error: field.0: E(t) is not finite at t = 0.709839 (expected finite values from 0 to '
     '4)'),
    ('a tower of powers', '2^2^2^2^2^2^2^2', 2,
     's.yaml:5:9: error: field.0: E(t) is not finite at t = 0.00012207 (expected finite values from 0 to '
     '4)'),
    ('an assignment', 't=3', 2,
     's.yaml:5:40: error: field.0.expression: the formula "t=3" assigns with =, where == would compare '
     '(expected a formula in t)'),
    ('two values', "'t, 2'", 2,
     's.yaml:5:40: error: field.0.expression: the formula "t, 2" has 2 values, not one (expected a '
     'formula in t)'),
    ('an unknown function', 'foo(t)', 2,
     's.yaml:5:40: error: field.0.expression: the formula "foo(t)" is invalid: Unexpected token "foo" '
     'found at position 0 (expected a formula in t)'),
    ('a text in a formula', '\'"abc"\'', 2,
     's.yaml:5:40: error: field.0.expression: the formula ""abc"" is invalid: Strings must only be used '
     'as function arguments! (expected a formula in t)'),
    ('a long formula', "'" + "t+" * 20000 + "t'", 2,
     's.yaml:5:40: error: field.0.expression: the formula '
     '"t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+t+..." is invalid: Expression too long '
     '(expected a formula in t)'),
    ('many signs', "'---t'", 2,
     's.yaml:5:40: error: field.0.expression: the formula "---t" is invalid: Unexpected operator "-" '
     'found at position 2 (expected a formula in t)'),
    ('no operator', 't t', 2,
     's.yaml:5:40: error: field.0.expression: the formula "t t" is invalid: Unexpected variable "t" found '
     'at position 2 (expected a formula in t)'),
    ('a power as in Fortran', 't**2', 2,
     's.yaml:5:40: error: field.0.expression: the formula "t**2" is invalid: Unexpected operator "*" '
     'found at position 2 (expected a formula in t)'),
    ('half a condition', "'t>1?2'", 2,
     's.yaml:5:40: error: field.0.expression: the formula "t>1?2" is invalid: If-then-else operator is '
     'missing an else clause (expected a formula in t)'),
    ('a Greek letter', "'τ*2'", 2,
     's.yaml:5:40: error: field.0.expression: the formula "τ*2" is invalid: Unexpected token "τ*2 " found '
     'at position 0 (expected a formula in t)'),
    ('a number too large', '1e999', 2,
     's.yaml:5:40: error: field.0.expression: the formula "1e999" is invalid: Unexpected token "1e999" '
     'found at position 0 (expected a formula in t)'),
    ('a bracket of the flow', 'sin[t]', 2,
     "s.yaml:5:43: error: YAML: did not find expected ',' or '}', while parsing a flow mapping"),
]

# Arguments with FOLDER/s.yaml as GOOD, `pipe` a pipe that nobody writes to, `loop` a link to itself,
# `secret` unreadable: (name, arguments, exit status, message)
ARGUMENTS = [
    ('a missing scenario', ['run', 't.yaml'], 3,
     't.yaml: error: cannot open: No such file or directory'),
    ('a folder as a scenario', ['run', '.'], 3,
     '.: error: cannot open: Is a directory'),
    ('a pipe as a scenario', ['run', 'pipe'], 2,
     'pipe:1:1: error: the scenario is empty (expected KEY: VALUE)'),
    ('a device as a scenario', ['run', '/dev/null'], 3,
     '/dev/null: error: cannot open: not an ordinary file'),
    ('an endless scenario', ['run', '/dev/zero'], 3,
     '/dev/zero: error: cannot open: not an ordinary file'),
    ('a scenario without a name', ['run', ''], 2,
     'keldrift: error: an empty name for SCENARIO (expected: see keldrift --help)'),
    ('a link to itself', ['run', 'loop'], 3,
     'loop: error: cannot open: Too many levels of symbolic links'),
    ('an unreadable scenario', ['run', 'secret'], 3,
     'secret: error: cannot open: Permission denied'),
    ('a scenario in no folder', ['run', 'no/where.yaml'], 3,
     'no/where.yaml: error: cannot open: No such file or directory'),
    ('a scenario inside a file', ['run', 's.yaml/x.yaml'], 3,
     's.yaml/x.yaml: error: cannot open: Not a directory'),
    ('a scenario that is a result', ['check', 'text.h5'], 2,
     'text.h5:1:1: error: got "no HDF5" (expected a mapping, KEY: VALUE)'),
    ('a table that is a pipe', ['run', 's.yaml', '--set', 'field=[{kind: table, file: pipe}]'], 2,
     '--set field=[{kind: table, file: pipe}]: error: field.0.file: "FOLDER/pipe" has 0 rows of 0 columns '
     '(expected two columns, time and field, and at least two rows)'),
    ('a table that is a folder', ['run', 's.yaml', '--set', 'field=[{kind: table, file: .}]'], 3,
     '--set field=[{kind: table, file: .}]: error: field.0.file: FOLDER/.: error: cannot open: Is a '
     'directory'),
    ('an endless table', ['run', 's.yaml', '--set', 'field=[{kind: table, file: /dev/zero}]'], 3,
     '--set field=[{kind: table, file: /dev/zero}]: error: field.0.file: /dev/zero: error: cannot open: '
     'not an ordinary file'),
    ('a table that links to itself', ['run', 's.yaml', '--set', 'field=[{kind: table, file: loop}]'], 3,
     '--set field=[{kind: table, file: loop}]: error: field.0.file: FOLDER/loop: error: cannot open: Too '
     'many levels of symbolic links'),
    ('a table without a name', ['run', 's.yaml', '--set', "field=[{kind: table, file: ''}]"], 2,
     '--set field=[{kind: table, file: \'\'}]: error: field.0.file: got "" (expected the name of a file)'),
    ('a model that is a pipe', ['run', 's.yaml', '--set', 'model={kind: wannier90, file: pipe}', '--set', 'grid.k=[2, 2, 2]'], 2,
     'FOLDER/pipe: error: the file ends too early (expected three components of a lattice vector '
     '(_tb.dat), or the number of Wannier functions (_hr.dat))'),
    ('an endless model', ['run', 's.yaml', '--set', 'model={kind: wannier90, file: /dev/zero}', '--set', 'grid.k=[2, 2, 2]'], 3,
     '--set model={kind: wannier90, file: /dev/zero}: error: model.file: cannot open /dev/zero: not an '
     'ordinary file'),
    ('a model that is a folder', ['run', 's.yaml', '--set', 'model={kind: wannier90, file: .}', '--set', 'grid.k=[2, 2, 2]'], 3,
     '--set model={kind: wannier90, file: .}: error: model.file: cannot open FOLDER/.: Is a directory'),
    ('a missing model', ['run', 's.yaml', '--set', 'model={kind: wannier90, file: none}', '--set', 'grid.k=[2, 2, 2]'], 3,
     '--set model={kind: wannier90, file: none}: error: model.file: cannot open FOLDER/none: No such file '
     'or directory'),
    ('-o in no folder', ['run', 's.yaml', '-o', 'no/where.h5'], 3,
     'no/where.h5: error: cannot create the file: No such file or directory'),
    ('-o a folder', ['run', 's.yaml', '-o', '.'], 3,
     '.: error: is a folder (expected a file)'),
    ('-o a pipe', ['run', 's.yaml', '-o', 'pipe'], 3,
     'pipe: error: is not an ordinary file, so it cannot be replaced'),
    ('-o a full disk', ['run', 's.yaml', '-o', '/dev/full'], 3,
     '/dev/full: error: is not an ordinary file, so it cannot be replaced'),
    ('-o nothing', ['run', 's.yaml', '-o', ''], 2,
     'keldrift: error: an option needs a file name: -o (expected: see keldrift --help)'),
    ('-o a link to itself', ['run', 's.yaml', '-o', 'loop'], 3,
     'loop: error: cannot follow the link: Too many levels of symbolic links'),
    ('-o without a name', ['run', 's.yaml', '-o', 'nameless/'], 3,
     'nameless/: error: has no file name (expected FILE.h5)'),
    ('-o inside a file', ['run', 's.yaml', '-o', 's.yaml/o.h5'], 3,
     's.yaml/o.h5: error: cannot create the file: Not a directory'),
    ('-o without a value', ['run', 's.yaml', '-o'], 2,
     'keldrift: error: an option needs a value: -o (expected: see keldrift --help)'),
    ('an override of an unknown key', ['run', 's.yaml', '--set', 'grid.q=[3]'], 2,
     '--set grid.q=[3]: error: grid.q: unknown key (known keys: k, r)'),
    ('an override without a value', ['run', 's.yaml', '--set', 'grid.k'], 2,
     '--set grid.k: error: no value (expected PATH=VALUE)'),
    ('an override without a path', ['run', 's.yaml', '--set', '=1'], 2,
     '--set =1: error: an empty name in the path (expected NAME.NAME=VALUE)'),
    ('an empty override', ['run', 's.yaml', '--set', ''], 2,
     '--set : error: no value (expected PATH=VALUE)'),
    ('an override with broken YAML', ['run', 's.yaml', '--set', 'grid.k=[1'], 2,
     "--set grid.k=[1: error: grid.k: YAML: did not find expected ',' or ']', while parsing a flow "
     'sequence'),
    ('two dots', ['run', 's.yaml', '--set', 'grid..k=1'], 2,
     '--set grid..k=1: error: grid..k: an empty name in the path (expected NAME.NAME=VALUE)'),
    ('a dot at the end', ['run', 's.yaml', '--set', 'grid.k.=1'], 2,
     '--set grid.k.=1: error: grid.k.: an empty name in the path (expected NAME.NAME=VALUE)'),
    ('an item beyond', ['run', 's.yaml', '--set', 'field.5.amplitude=1 V/m'], 2,
     '--set field.5.amplitude=1 V/m: error: field.5.amplitude: no item "5" in a list of 1 (expected 0 to '
     '1)'),
    ('a negative item', ['run', 's.yaml', '--set', 'field.-1.amplitude=1 V/m'], 2,
     '--set field.-1.amplitude=1 V/m: error: field.-1.amplitude: no item "-1" in a list of 1 (expected 0 '
     'to 1)'),
    ('a huge item', ['run', 's.yaml', '--set', 'field.99999999999.kind=pulse'], 2,
     '--set field.99999999999.kind=pulse: error: field.99999999999.kind: no item "99999999999" in a list '
     'of 1 (expected 0 to 1)'),
    ('a key inside a text', ['run', 's.yaml', '--set', 'title.x=1'], 2,
     '--set title.x=1: error: title.x: x is inside the single value "good"'),
    ('an override in seconds', ['run', 's.yaml', '--set', 'model.t1=1 s'], 2,
     '--set model.t1=1 s: error: model.t1: "1 s" is a time (expected an energy such as "0.3 eV")'),
    ('a list for a model', ['run', 's.yaml', '--set', 'model=[1]'], 2,
     '--set model=[1]: error: model: got a list (expected a mapping with the key kind)'),
    ('nothing for a section', ['run', 's.yaml', '--set', 'grid='], 2,
     '--set grid=: error: grid: got nothing (expected a mapping)'),
    ('a key twice in an override', ['run', 's.yaml', '--set', 'grid={k: [1], k: [2]}'], 2,
     '--set grid={k: [1], k: [2]}: error: grid: duplicate key "k"'),
    ('an anchor in an override', ['run', 's.yaml', '--set', 'title=*a'], 2,
     '--set title=*a: error: title: YAML: found undefined alias'),
    ('a loop in an override', ['run', 's.yaml', '--set', 'title=&a [*a]'], 2,
     '--set title=&a [*a]: error: title: an alias within what it stands for'),
    ('an override with no points', ['run', 's.yaml', '--set', 'grid.k=[0]'], 2,
     '--set grid.k=[0]: error: grid.k: 0 points (expected 1 to 2147483647)'),
    ('no command', [''], 2,
     'keldrift: error: unknown command (expected: see keldrift --help)'),
    ('an unknown command', ['walk'], 2,
     'keldrift: error: unknown command: walk (expected: see keldrift --help)'),
    ('help of an unknown command', ['help', 'walk'], 2,
     'keldrift: error: unknown command: walk (expected: see keldrift --help)'),
    ('no scenario', ['run'], 2,
     'keldrift: error: run needs SCENARIO (expected: see keldrift --help)'),
    ('two scenarios', ['run', 's.yaml', 's.yaml'], 2,
     'keldrift: error: run takes no more than 1 name: s.yaml (expected: see keldrift --help)'),
    ('an unknown option', ['run', 's.yaml', '--fast'], 2,
     'keldrift: error: unknown option: --fast (expected: see keldrift --help)'),
    ('no threads', ['run', 's.yaml', '--threads', '0'], 2,
     'keldrift: error: --threads is not a number from 1 to 4096: 0 (expected: see keldrift --help)'),
    ('some threads', ['run', 's.yaml', '--threads', 'some'], 2,
     'keldrift: error: --threads is not a number from 1 to 4096: some (expected: see keldrift --help)'),
    ('too many threads', ['run', 's.yaml', '--threads', '99999'], 2,
     'keldrift: error: --threads is not a number from 1 to 4096: 99999 (expected: see keldrift --help)'),
    ('a flag with a value', ['run', 's.yaml', '--quiet=1'], 2,
     'keldrift: error: an option without a value: --quiet=1 (expected: see keldrift --help)'),
    ('an option of another command', ['check', 's.yaml', '-o', 'x.h5'], 2,
     'keldrift: error: this option belongs to new, run, steady: -o (expected: see keldrift --help)'),
    ('a command of two lines', ['bo\ngus'], 2,
     'keldrift: error: unknown command: "bo gus" (expected: see keldrift --help)'),
    ('describe a key of no kind', ['describe', 'field.0.nothing'], 2,
     'keldrift: error: field.0.nothing: unknown kind "nothing" (known kinds: ...'),
    ('describe an unknown key', ['describe', 'modl'], 2,
     'keldrift: error: modl: unknown key "modl" (did you mean model?)'),
    ('describe an unknown kind', ['describe', 'model.grafene'], 2,
     'keldrift: error: model.grafene: unknown kind "grafene" (did you mean graphene?)'),
    ('describe two keys', ['describe', 'model', 'grid'], 2,
     'keldrift: error: describe takes no more than 1 name: grid (expected: see keldrift --help)'),
    ('info without a file', ['info'], 2,
     'keldrift: error: info needs RESULT.h5 (expected: see keldrift --help)'),
    ('info on nothing', ['info', 'none.h5'], 3,
     'none.h5: error: cannot open the file: No such file or directory'),
    ('info on a folder', ['info', '.'], 3,
     '.: error: is a folder (expected an HDF5 file)'),
    ('info on text', ['info', 's.yaml'], 3,
     's.yaml: error: not an HDF5 file'),
    ('info on a pipe', ['info', 'pipe'], 3,
     'pipe: error: not an HDF5 file'),
    ('compare with nothing', ['compare', 'text.h5', 'none.h5'], 3,
     'text.h5: error: not an HDF5 file'),
    ('compare with text', ['compare', 'text.h5', 'text.h5'], 3,
     'text.h5: error: not an HDF5 file'),
    ('steady without collisions', ['steady', 's.yaml'], 2,
     's.yaml:1:1: error: collisions.ansatz: without collisions there is no steady state (expected an '
     'Ansatz other than none)'),
    ('steady with a mean field', ['steady', 's.yaml', '--set', 'collisions={ansatz: t1_t2, t1: 9 fs, t2: 9 fs, '
                                  'terms: [{kind: electron, U: 1 eV, mean_field: hartree_fock}]}'], 2,
     '--set collisions={ansatz: t1_t2, t1: 9 fs, t2: 9 fs, terms: [{kind: electron, U: 1 eV, mean_field: '
     'hartree_fock}]}: error: collisions.terms.0.mean_field: a mean field in the linear response (expected none)'),
    ('a sweep of nothing', ['run', 's.yaml', '--sweep', 'grid.k.0='], 2,
     '--sweep "grid.k.0=": error: no values (expected PATH=START:STOP:COUNT UNIT or PATH=A,B,C)'),
    ('a sweep to infinity', ['run', 's.yaml', '--sweep', 'grid.k.0=1:1e999:3'], 2,
     '--sweep "grid.k.0=1:1e999:3": error: an end is not finite (expected PATH=START:STOP:COUNT UNIT or '
     'PATH=A,B,C)'),
    ('a template that is unknown', ['new', 'zenner'], 2,
     'keldrift: error: unknown question, did you mean zener?: zenner (expected: see keldrift --help)'),
]

# Results as input: (name, function that changes a good file, or None for one that is not HDF5, keys behind the
# name, exit status, message)


def delete_f(file):
    del file["snapshots/f"]


def real_f(file):
    delete_f(file)
    file["snapshots/f"] = np.zeros((2, 8, 2, 2))


def text_f(file):
    delete_f(file)
    file["snapshots/f"] = "text"


def other_grid(file):
    delete_f(file)
    file["snapshots/f"] = np.zeros((2, 9, 2, 2), complex)


def other_bands(file):
    delete_f(file)
    file["snapshots/f"] = np.zeros((2, 8, 3, 3), complex)


def few_axes(file):
    delete_f(file)
    file["snapshots/f"] = np.zeros((2, 8), complex)


def many_axes(file):
    delete_f(file)
    file["snapshots/f"] = np.zeros((2, 8, 1, 1, 1, 1, 1, 1, 2, 2), complex)


def no_snapshot(file):
    delete_f(file)
    file["snapshots/f"] = np.zeros((0, 8, 2, 2), complex)


def not_finite(file):
    file["snapshots/f"][1, 3, 0, 0] = np.nan


def group_f(file):
    delete_f(file)
    file.create_group("snapshots/f")


def unchanged(_):
    pass


RESULTS = [
    ('a result that is text', None, '', 3,
     's.yaml:4:29: error: initial.file: FOLDER/r.h5: error: not an HDF5 file'),
    ('a result without snapshots', delete_f, '', 2,
     's.yaml:4:29: error: initial.file: FOLDER/r.h5: error: /snapshots/f: there is no such dataset'),
    ('real snapshots', real_f, '', 2,
     's.yaml:4:29: error: initial.file: "FOLDER/r.h5": /snapshots/f is [2, 8, 2, 2], real (expected '
     '[snapshot, the k grid of `grid.k`, 2, 2], complex)'),
    ('a text for the snapshots', text_f, '', 2,
     's.yaml:4:29: error: initial.file: FOLDER/r.h5: error: /snapshots/f: does not hold numbers (expected '
     'real or complex ones)'),
    ('a group for the snapshots', group_f, '', 2,
     's.yaml:4:29: error: initial.file: FOLDER/r.h5: error: /snapshots/f: there is no such dataset'),
    ('snapshots of another grid', other_grid, '', 2,
     's.yaml:4:29: error: initial.file: "FOLDER/r.h5": /snapshots/f is [2, 9, 2, 2], complex (expected '
     '[snapshot, the k grid of `grid.k`, 2, 2], complex)'),
    ('snapshots of three bands', other_bands, '', 2,
     's.yaml:4:29: error: initial.file: "FOLDER/r.h5": /snapshots/f is [2, 8, 3, 3], complex (expected '
     '[snapshot, the k grid of `grid.k`, 2, 2], complex)'),
    ('snapshots without orbitals', few_axes, '', 2,
     's.yaml:4:29: error: initial.file: "FOLDER/r.h5": /snapshots/f is [2, 8], complex (expected '
     '[snapshot, the k grid of `grid.k`, 2, 2], complex)'),
    ('snapshots with ten axes', many_axes, '', 2,
     's.yaml:4:29: error: initial.file: FOLDER/r.h5: error: /snapshots/f: has 10 axes (expected at most '
     '9)'),
    ('no snapshot', no_snapshot, '', 2,
     's.yaml:4:29: error: initial.file: "FOLDER/r.h5": /snapshots/f is [0, 8, 2, 2], complex (expected '
     '[snapshot, the k grid of `grid.k`, 2, 2], complex)'),
    ('snapshots that are not finite', not_finite, '', 2,
     's.yaml:4:29: error: initial.file: "FOLDER/r.h5": /snapshots/f is not finite at k point 3'),
    ('a snapshot beyond the last', unchanged, ', snapshot: 7', 2,
     's.yaml:4:45: error: initial.snapshot: 7 (expected -2 to 1)'),
    ('a snapshot before the first', unchanged, ', snapshot: -9', 2,
     's.yaml:4:45: error: initial.snapshot: -9 (expected -2 to 1)'),
]


def call(program, folder, *arguments, threads="1"):
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, check=False,
                          timeout=120, env={**os.environ, "LC_ALL": "C", "OMP_NUM_THREADS": threads})


class Checker:
    """Calls the program in a folder and compares what it says."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.checks = self.failures = 0
        self.names = set()

    def line(self, good, text):
        self.checks += 1
        self.failures += not good
        print(("ok   " if good else "FAIL ") + text)

    def write(self, name, content):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def wrong(self, name, arguments, status, message, **more):
        """The call ends with the status, says the message alone, and leaves no new file."""
        assert name not in self.names, name
        self.names.add(name)
        before = set(os.listdir(self.folder))
        done = call(self.program, self.folder, *arguments, **more)
        left = sorted(set(os.listdir(self.folder)) - before)
        said = done.stderr.decode(errors="replace").replace(self.folder, "FOLDER").rstrip("\n")
        same = said.startswith(message[:-3]) if message.endswith("...") else said == message
        plain = all(c.isprintable() or c == "\n" for c in said)
        self.line(done.returncode == status and same and plain and not left and not done.stdout,
                  f"{name}: exit {done.returncode} (want {status}), {said!r} (want {message!r}), "
                  f"files left: {left}")
        for file in left:
            os.remove(os.path.join(self.folder, file))

    def scenario(self, name, text, status, message):
        """The same for a scenario, and `check` agrees with `run`."""
        self.write("s.yaml", text)
        self.wrong(name, ["run", "s.yaml"], status, message)
        done = call(self.program, self.folder, "check", "s.yaml")
        # `check` looks at no output file.
        if not message.startswith(("FOLDER/", "no/", "nameless/", "/")) or status == 2:
            self.line(done.returncode == status, f"{name}: `check` exits with {done.returncode}")


def run_tables(c):
    for name, text, status, message in TEXTS:
        c.scenario(name, text, status, message)
    for name, old, new, status, message in EDITS:
        assert GOOD.count(old) == 1, name
        c.scenario(name, GOOD.replace(old, new), status, message)
    for name, old, new, status, message in TABLES_OF_HOPPINGS:
        assert HOPPINGS.count(old) == 1, name
        c.scenario(name, HOPPINGS.replace(old, new), status, message)
    for name, content, keys, status, message in FILES_OF_WANNIER90:
        c.write("w.dat", content)
        c.scenario(name, WANNIER.replace("w.dat", "w.dat" + keys), status, message)
    for name, content, status, message in TABLE_FILES:
        c.write("t.dat", content)
        c.scenario(name, GOOD.replace(PULSE, "kind: table, file: t.dat"), status, message)
    for name, formula, status, message in FORMULAS:
        c.scenario(name, GOOD.replace(PULSE, f"kind: expression, expression: {formula}"), status,
                   message)


def run_arguments(c):
    os.mkfifo(os.path.join(c.folder, "pipe"))
    os.symlink("loop", os.path.join(c.folder, "loop"))
    c.write("secret", "title: x\n")
    os.chmod(os.path.join(c.folder, "secret"), 0)
    c.write("s.yaml", GOOD)
    c.write("text.h5", "no HDF5")
    for name, arguments, status, message in ARGUMENTS:
        if "secret" in arguments and os.geteuid() == 0:
            continue  # root may read everything
        c.wrong(name, arguments, status, message)


def run_results(c):
    """Snapshots of other files as the initial state."""
    c.write("s.yaml", GOOD)
    assert call(c.program, c.folder, "run", "s.yaml", "-o", "good.h5", "--quiet").returncode == 0
    with open(os.path.join(c.folder, "good.h5"), "rb") as file:
        good = file.read()
    for name, change, keys, status, message in RESULTS:
        c.write("r.h5", good if change else "no HDF5")
        if change:
            with h5py.File(os.path.join(c.folder, "r.h5"), "r+") as file:
                change(file)
        c.scenario(name, GOOD.replace(INITIAL, "kind: file, file: r.h5" + keys), status, message)
    c.write("r.h5", good[:len(good) // 2])
    c.scenario("a truncated result", GOOD.replace(INITIAL, "kind: file, file: r.h5"), 3,
               "s.yaml:4:29: error: initial.file: FOLDER/r.h5: error: cannot read the file, it may be damaged: ...")
    c.wrong("info on a truncated result", ["info", "r.h5"], 3,
            "r.h5: error: cannot read the file, it may be damaged: ...")
    c.wrong("compare with a truncated result", ["compare", "good.h5", "r.h5"], 3,
            "r.h5: error: cannot read the file, it may be damaged: ...")


def run_replaced(c):
    """What a result must not replace, and what it may."""
    def content(name):
        with open(os.path.join(c.folder, name), "rb") as file:
            return file.read()

    baths = "collisions: {ansatz: matrix, broadening: 9 meV, terms: [{kind: impurity, strength: 1 eV}]}\n"
    initial = ["--set", "initial={kind: file, file: good.h5}"]
    os.link(os.path.join(c.folder, "good.h5"), os.path.join(c.folder, "other.h5"))
    kept = {"s.yaml": GOOD + baths, "f.dat": "0 0\n1 1e-3\n", "notes.txt": "remember\n",
            "good.h5": content("good.h5"), "input.chk.h5": content("good.h5")}
    for name, text in kept.items():
        c.write(name, text)
    for name, target in (("link.h5", "s.yaml"), ("link2.h5", "f.dat")):
        os.symlink(target, os.path.join(c.folder, name))
    table = ["--set", "field=[{kind: table, file: f.dat}]"]
    for command in ("run", "steady"):
        for name in ("s.yaml", "./s.yaml", "link.h5", "notes.txt"):
            c.wrong(f"{command} -o {name}", [command, "s.yaml", "-o", name], 2,
                    f"{name}: error: is not an HDF5 file, so the result does not replace it (expected a new file, or "
                    "an earlier result)")
        for name in ("f.dat", "link2.h5"):
            c.wrong(f"{command} -o {name}", [command, "s.yaml", *table, "-o", name], 2,
                    f"{name}: error: is the input file FOLDER/f.dat of the scenario, which the result would replace "
                    "(expected another name)")
    c.wrong("output.file: s.yaml", ["run", "s.yaml", "--set", "output.file=s.yaml"], 2,
            "s.yaml: error: is not an HDF5 file...")
    for name in ("good.h5", "other.h5"):
        c.wrong(f"the initial state as {name}", ["run", "s.yaml", *initial, "-o", name], 2,
                f"{name}: error: is the input file FOLDER/good.h5 of the scenario, which the result...")
    c.wrong("a checkpoint over the initial state", ["run", "s.yaml", "--set",
                                                    "initial={kind: file, file: input.chk.h5}", "-o", "input.h5"], 2,
            "input.chk.h5: error: is the input file FOLDER/input.chk.h5 of the scenario, which the checkpoint...")
    for name, text in kept.items():
        c.line(content(name) == (text if isinstance(text, bytes) else text.encode()), f"{name} is as it was")
    c.write("empty.h5", "")
    for words in (["s.yaml", "-o", "empty.h5"], ["empty.h5", "-o", "empty.h5"]):
        done = call(c.program, c.folder, "run", *words, "--quiet")
        c.line(done.returncode == 0 and content("empty.h5")[:4] == b"\x89HDF",
               f"run {' '.join(words)}: {done.returncode} {done.stderr}")


def run_threads(c):
    """As many threads by the environment as by --threads."""
    c.write("s.yaml", GOOD)
    for command in (["run", "s.yaml"], ["check", "s.yaml"], ["run", "s.yaml", "--sweep", "grid.k.0=4,8"],
                    ["steady", "s.yaml"]):
        c.wrong(f"100000 threads in {' '.join(command)}", command, 2,
                "100000 threads by OMP_NUM_THREADS=100000: error: too many (expected at most 4096): set "
                "OMP_NUM_THREADS, or give --threads", threads="100000")
    done = call(c.program, c.folder, "run", "s.yaml", "--quiet", "--threads", "1", threads="100000")
    c.line(done.returncode == 0, f"--threads 1 with OMP_NUM_THREADS=100000: {done.stderr}")


def good_ones(c):
    """And the good one is good: one file, named as it says, that replaces an older one."""
    c.write("s.yaml", GOOD)
    for _ in range(2):
        done = call(c.program, c.folder, "run", "s.yaml", "--quiet")
        path = os.path.join(c.folder, "out.h5")
        good = (done.returncode == 0 and not done.stderr and not done.stdout
                and os.path.getsize(path) > 1000)
        c.line(good, f"the scenario without mistakes: {done.stderr}")
    for name, text in [("in UTF-16", GOOD.encode("utf-16")),
                       ("with a byte order mark", b"\xef\xbb\xbf" + GOOD.encode()),
                       ("with CR LF", GOOD.replace("\n", "\r\n"))]:
        c.write("s.yaml", text)
        done = call(c.program, c.folder, "run", "s.yaml", "--quiet")
        c.line(done.returncode == 0 and not done.stderr, f"the same {name}: {done.stderr}")
    c.write("t.dat", b"\xef\xbb\xbf0 0\n4 1e-3\n")
    c.write("s.yaml", GOOD.replace(PULSE, "kind: table, file: t.dat"))
    done = call(c.program, c.folder, "run", "s.yaml", "--quiet")
    c.line(done.returncode == 0 and not done.stderr, f"a table with a byte order mark: {done.stderr}")
    for name, content in [("with CR LF", TB.replace("\n", "\r\n")),
                          ("with a long comment", "x" * 100000 + TB)]:
        c.write("w.dat", content)
        c.write("s.yaml", WANNIER)
        done = call(c.program, c.folder, "run", "s.yaml", "--quiet")
        c.line(done.returncode == 0 and not done.stderr, f"a Wannier90 file {name}: {done.stderr}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        c = Checker(os.path.abspath(sys.argv[1]), os.path.realpath(folder))
        run_tables(c)
        run_arguments(c)
        run_results(c)
        run_replaced(c)
        run_threads(c)
        good_ones(c)
    print(f"{len(c.names)} malformed cases, {c.checks} checks, {c.failures} failed")
    return 1 if c.failures else 0


if __name__ == "__main__":
    sys.exit(main())
