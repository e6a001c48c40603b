#include "scenario/units.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <udunits2.h>

#include "core/error.h"
#include "scenario/number.h"

/// CODATA 2018; all but the mass and the permittivity are exact in the SI.
#define ELEMENTARY_CHARGE 1.602176634e-19    // C
#define PLANCK 6.62607015e-34                // J s
#define BOLTZMANN 1.380649e-23               // J/K
#define ELECTRON_MASS 9.1093837015e-31       // kg
#define VACUUM_PERMITTIVITY 8.8541878128e-12 // F/m

static ut_system *unit_system;

static void release_units(void) {
  ut_free_system(unit_system);
  unit_system = NULL;
}

/// Lets every spelling in `names` and `symbols` (NULL-terminated) stand for `scale` times `base`,
/// whatever it stood for before.
static bool define(const char *base, double scale, const char *const *names,
                   const char *const *symbols) {
  ut_unit *base_unit = ut_parse(unit_system, base, UT_UTF8);
  ut_unit *unit = base_unit ? ut_scale(scale, base_unit) : NULL;
  bool good = unit != NULL;
  for (; good && *names; names++) {
    ut_unmap_name_to_unit(unit_system, *names, UT_ASCII);
    good = ut_map_name_to_unit(*names, UT_ASCII, unit) == UT_SUCCESS;
  }
  for (; good && *symbols; symbols++) {
    ut_unmap_symbol_to_unit(unit_system, *symbols, UT_ASCII);
    good = ut_map_symbol_to_unit(*symbols, UT_ASCII, unit) == UT_SUCCESS;
  }
  ut_free(unit);
  ut_free(base_unit);
  return good;
}

/// UDUNITS ships an electronvolt of 1986 and an elementary charge of 2006, which do not even agree
/// with each other.
static bool define_electron_units(void) {
  static const char *const none[] = {NULL};
  static const char *const volt_names[] = {"electronvolt", "electronvolts", "electron_volt",
                                           "electron_volts", NULL};
  static const char *const volt_symbols[] = {"eV", NULL};
  static const char *const billion_symbols[] = {"bev", NULL};
  static const char *const charge_symbols[] = {"e", NULL};
  static const char *const mass_symbols[] = {"m_e", NULL};
  return define("J", ELEMENTARY_CHARGE, volt_names, volt_symbols) &&
         define("J", 1e9 * ELEMENTARY_CHARGE, none, billion_symbols) &&
         define("C", ELEMENTARY_CHARGE, none, charge_symbols) &&
         define("1", 1, none, mass_symbols); // masses are counted in electron masses
}

kd_status kd_units_load(void) {
  static bool registered;
  if (unit_system) return KD_OK;
  ut_error_message_handler handler = ut_set_error_message_handler(ut_ignore);
  kd_status status = KD_OK;
  unit_system = ut_read_xml(NULL);
  if (!unit_system) {
    status = kd_error(KD_ERROR_FILE, "cannot read the UDUNITS-2 unit database (expected it where "
                                     "UDUNITS-2 is installed or at $UDUNITS2_XML_PATH)");
  } else if (!define_electron_units()) {
    release_units();
    status = kd_error(KD_ERROR_INTERNAL, "UDUNITS-2 refuses to define the electron units");
  }
  ut_set_error_message_handler(handler);
  if (status == KD_OK && !registered) registered = atexit(release_units) == 0;
  return status;
}

static ut_unit *parse_unit(const char *text) {
  ut_error_message_handler handler = ut_set_error_message_handler(ut_ignore);
  ut_unit *unit = ut_parse(unit_system, text, UT_UTF8);
  ut_set_error_message_handler(handler);
  return unit;
}

/// True if one is a multiple of the other. UDUNITS itself also counts reciprocals as convertible
/// (a time to a frequency), and logarithmic units.
static bool same_dimension(const ut_unit *a, const ut_unit *b) {
  ut_error_message_handler handler = ut_set_error_message_handler(ut_ignore);
  ut_unit *ratio = ut_divide(a, b);
  const bool same = ratio && ut_is_dimensionless(ratio) && ut_are_convertible(a, b);
  ut_free(ratio);
  ut_set_error_message_handler(handler);
  return same;
}

static bool is_one(const char *unit) {
  return !unit || strcmp(unit, "1") == 0;
}

bool kd_unit_is_dimensionless(const char *unit) {
  if (is_one(unit)) return true;
  ut_unit *parsed = parse_unit(unit);
  const bool dimensionless = parsed && ut_is_dimensionless(parsed);
  ut_free(parsed);
  return dimensionless;
}

static const struct dimension {
  const char *unit, *name, *example;
} dimensions[] = {
    {"1", "a number", "0.5"},
    {"eV", "an energy", "0.3 eV"},
    {"fs", "a time", "10 fs"},
    {"angstrom", "a length", "3 angstrom"},
    {"K", "a temperature", "300 K"},
    {"1/fs", "a frequency", "10 THz"},
    {"V/angstrom", "an electric field", "2 MV/cm"},
    {"V", "a voltage", "0.3 V"},
    {"e", "an electric charge", "1 e"},
    {"A", "an electric current", "1 uA"},
    {"V fs/angstrom", "an impulse of the electric field", "0.01 V fs/angstrom"},
    {"eV fs/angstrom", "a momentum", "0.1 eV fs/angstrom"},
    {"1/angstrom", "an inverse length", "0.1 1/angstrom"},
    {"1/angstrom^2", "an inverse area", "1e12 cm^-2"},
    {"1/angstrom^3", "an inverse volume", "1e18 cm^-3"},
    {"angstrom^2", "an area", "5 angstrom^2"},
    {"angstrom^3", "a volume", "40 angstrom^3"},
    {"angstrom/fs", "a velocity", "1e6 m/s"},
    {"eV angstrom", "an energy times a length", "3.6 eV angstrom"},
    {"eV angstrom^2", "an energy times an area", "3.8 eV angstrom^2"},
    {"eV/angstrom", "a force", "0.1 eV/angstrom"},
    {"eV/angstrom^2", "a spring constant", "0.01 eV/angstrom^2"},
    {"kg", "a mass", "28 u"},
    {"e angstrom", "an electric dipole moment", "1 e angstrom"},
    {"eV fs", "an action", "0.66 eV fs"},
};

static const struct dimension *find_dimension(const ut_unit *unit) {
  const struct dimension *found = NULL;
  for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions && !found; i++) {
    ut_unit *model = parse_unit(dimensions[i].unit);
    if (model && same_dimension(unit, model)) found = &dimensions[i];
    ut_free(model);
  }
  return found;
}

const char *kd_quantity_expected(const char *unit) {
  static char text[128];
  if (is_one(unit)) return "a number";
  ut_unit *parsed = parse_unit(unit);
  const struct dimension *dimension = parsed ? find_dimension(parsed) : NULL;
  if (parsed && ut_is_dimensionless(parsed))
    snprintf(text, sizeof text, "a number or a quantity such as \"1 %s\"", unit);
  else if (dimension)
    snprintf(text, sizeof text, "%s such as \"%s\"", dimension->name,
             strcmp(unit, "s") == 0 ? "600 s" : dimension->example);
  else
    snprintf(text, sizeof text, "a quantity such as \"1 %s\"", unit);
  ut_free(parsed);
  return text;
}

/// True if digits at `c` can be the exponent of what stands in front of them: "m2", "m^2", "m**2".
static bool can_be_exponent(const char *unit, const char *c) {
  if (c > unit && (c[-1] == '+' || c[-1] == '-')) c--;
  if (c == unit) return false;
  const unsigned char before = (unsigned char)c[-1];
  if (before == '*') return c - unit >= 2 && c[-2] == '*';
  return isalnum(before) || before >= 0x80 || strchr("_^)%", before);
}

/// UDUNITS multiplies all numbers it meets ("10 3 fs" is 30 fs), which hides typing errors: allow
/// digits only as exponents, and the 1 of "1/fs".
static bool has_stray_number(const char *unit) {
  const char *c = unit;
  if (c[0] == '1' && c[1 + strspn(c + 1, " ")] == '/') c++;
  for (; *c; c++)
    if (isdigit((unsigned char)*c) && !can_be_exponent(unit, c)) return true;
  return false;
}

/// A conversion factor that is a short decimal number or the inverse of one, such as 1000 or
/// 1/1000, comes out of the chain through SI base units with rounding errors. Take the exact one,
/// so that "9 meV" and "0.009 eV" are the same double.
static double apply_factor(double value, double factor) {
  const double candidates[2] = {factor, 1 / factor};
  for (int i = factor < 1 ? 1 : 0, n = 0; n < 2; i = 1 - i, n++) {
    char decimal[32];
    snprintf(decimal, sizeof decimal, "%.12g", candidates[i]);
    const double exact = strtod(decimal, NULL);
    if (fabs(exact - candidates[i]) <= 8 * DBL_EPSILON * fabs(exact))
      return i == 0 ? value * exact : value / exact;
  }
  return value * factor;
}

static double convert(const ut_unit *from, const ut_unit *to, double value) {
  if (ut_compare(from, to) == 0) return value;
  cv_converter *converter = ut_get_converter((ut_unit *)from, (ut_unit *)to);
  if (!converter) return NAN;
  const double at_0 = cv_convert_double(converter, 0), at_1 = cv_convert_double(converter, 1);
  // A scale with its own zero, like degrees Celsius, cannot be a mere factor.
  const double converted =
      at_0 != 0 ? cv_convert_double(converter, value) : apply_factor(value, at_1);
  cv_free(converter);
  return converted;
}

/// The frequency E/h of an energy, THz.
static double photon_frequency(const ut_unit *unit, double number) {
  ut_unit *joule = parse_unit("J");
  const double energy = joule ? convert(unit, joule, number) : NAN;
  ut_free(joule);
  return energy / PLANCK * 1e-12;
}

kd_status kd_quantity_read(const char *text, const char *unit, bool bare, double *value) {
  enum { MAX_UNIT = 200 };
  double number;
  const char *rest;
  if (!kd_number_scan(text, &number, &rest))
    return kd_error(KD_ERROR_SCENARIO, "%s does not start with a finite decimal number",
                    kd_quote(text).text);
  if (!isfinite(number))
    return kd_error(KD_ERROR_SCENARIO, "%s is beyond double precision", kd_quote(text).text);

  size_t length = strlen(rest);
  while (length > 0 && strchr(" \t\n", rest[length - 1])) length--;
  if (length == 0) {
    if (!bare && !kd_unit_is_dimensionless(unit))
      return kd_error(KD_ERROR_SCENARIO, "the bare number %s has no unit",
                      kd_number_format(number).text);
    *value = number;
    return KD_OK;
  }
  // "2/fs" is short for "2 1/fs".
  char given[MAX_UNIT + 2];
  if (length > MAX_UNIT)
    return kd_error(KD_ERROR_SCENARIO, "unknown unit in %s", kd_quote(text).text);
  snprintf(given, sizeof given, "%s%.*s", rest[0] == '/' ? "1" : "", (int)length, rest);
  if (!is_one(unit) && strcmp(given, unit) == 0) {
    *value = number;
    return KD_OK;
  }

  kd_status status = KD_OK;
  const char *demanded = is_one(unit) ? "1" : unit;
  ut_unit *from = has_stray_number(given) ? NULL : parse_unit(given), *to = parse_unit(demanded);
  if (!to) {
    status =
        kd_error(KD_ERROR_INTERNAL, "UDUNITS-2 does not know the internal unit \"%s\"", demanded);
  } else if (!from) {
    status = kd_error(KD_ERROR_SCENARIO, "unknown unit \"%s\" in %s",
                      rest[0] == '/' ? given + 1 : given, kd_quote(text).text);
  } else if (!same_dimension(from, to)) {
    const struct dimension *dimension = find_dimension(from);
    const bool is_photon = dimension && strcmp(dimension->unit, "eV") == 0 && !is_one(unit) &&
                           strcmp(unit, "1/fs") == 0;
    if (is_photon)
      status = kd_error(KD_ERROR_SCENARIO, "%s is an energy, that of a photon of %.6g THz",
                        kd_quote(text).text, photon_frequency(from, number));
    else if (dimension && dimension != &dimensions[0])
      status = kd_error(KD_ERROR_SCENARIO, "%s is %s", kd_quote(text).text, dimension->name);
    else if (dimension)
      status = kd_error(KD_ERROR_SCENARIO, "%s is dimensionless", kd_quote(text).text);
    else
      status = kd_error(KD_ERROR_SCENARIO, "%s has the wrong dimension", kd_quote(text).text);
  } else {
    *value = convert(from, to, number);
    if (!isfinite(*value))
      status = kd_error(KD_ERROR_SCENARIO, "%s is beyond double precision in %s",
                        kd_quote(text).text, demanded);
  }
  ut_free(from);
  ut_free(to);
  return status;
}

kd_constants kd_constants_si(void) {
  const double pi = 3.14159265358979323846;
  const double hbar = PLANCK / (2 * pi);     // J s
  const double angstrom = 1e-10, fs = 1e-15; // m, s
  return (kd_constants){
      .natural = false,
      .hbar = hbar / ELEMENTARY_CHARGE / fs,
      .k_boltzmann = BOLTZMANN / ELEMENTARY_CHARGE,
      .hbar2_2m = hbar * hbar / (2 * ELECTRON_MASS) / ELEMENTARY_CHARGE / (angstrom * angstrom),
      .conductance = ELEMENTARY_CHARGE / fs,
      .coulomb = ELEMENTARY_CHARGE / VACUUM_PERMITTIVITY / angstrom,
  };
}

kd_constants kd_constants_natural(double hbar) {
  return (kd_constants){.natural = true,
                        .hbar = hbar,
                        .k_boltzmann = 1,
                        .hbar2_2m = hbar * hbar / 2,
                        .conductance = 1,
                        .coulomb = 1};
}
