#include "scenario/expression.h"

#include <math.h>
#include <muParserDLL.h>
#include <stdbool.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "scenario/report.h"

enum { MAX_VARIABLES = 8, MAX_NAME = 32 };

struct kd_expression {
  muParserHandle_t parser;
  size_t n_variable;
  double values[MAX_VARIABLES]; ///< what the names are bound to
};

static double unit_step(double x) {
  return x < 0 ? 0 : 1;
}

/// muParser prints its errors unless there is a handler; mupError tells of them afterwards.
static void ignore_error(muParserHandle_t parser) {
  (void)parser;
}

static kd_status parser_error(const char *formula, muParserHandle_t parser) {
  char reason[256] = "";
  strncat(reason, mupGetErrorMsg(parser), sizeof reason - 1);
  size_t length = strlen(reason);
  while (length > 0 && strchr(" .\n", reason[length - 1])) reason[--length] = '\0';
  for (char *c = reason; *c; c++)
    if (*c == '\n') *c = ' ';
  return kd_error(KD_ERROR_SCENARIO, "the formula %s is invalid: %s", kd_quote(formula).text,
                  reason);
}

/// muParser knows assignment, which would write into the variables.
static bool has_assignment(const char *formula) {
  for (const char *c = formula; *c; c++) {
    if (*c != '=') continue;
    if (c[1] == '=') {
      c++;
    } else if (c == formula || !strchr("<>!", c[-1])) {
      return true;
    }
  }
  return false;
}

static kd_status bind_variables(kd_expression *expression, const char *variables) {
  for (const char *c = variables; *c;) {
    const size_t length = strcspn(c, " ");
    if (length > 0) {
      char name[MAX_NAME] = "";
      if (length >= MAX_NAME || expression->n_variable >= MAX_VARIABLES)
        return kd_error(KD_ERROR_INTERNAL,
                        "a formula cannot have the variables \"%s\" (at most %d short names)",
                        variables, MAX_VARIABLES);
      memcpy(name, c, length);
      mupDefineVar(expression->parser, name, &expression->values[expression->n_variable++]);
    }
    c += length + (c[length] == ' ');
  }
  return KD_OK;
}

kd_status kd_expression_create(const char *formula, const char *variables,
                               kd_expression **expression) {
  kd_status status = KD_OK;
  kd_expression *new;
  *expression = NULL;
  KD_ALLOCATE(new, 1);
  new->parser = mupCreate(muBASETYPE_FLOAT);
  if (!new->parser) {
    status = kd_error(KD_ERROR_MEMORY, "cannot create a formula parser: out of memory");
    goto cleanup;
  }
  mupSetErrorHandler(new->parser, ignore_error);
  mupDefineConst(new->parser, "pi", 3.14159265358979323846);
  mupDefineConst(new->parser, "e", 2.71828182845904523536);
  mupDefineFun1(new->parser, "erf", erf, true);
  mupDefineFun1(new->parser, "step", unit_step, true);
  KD_CHECK(bind_variables(new, variables ? variables : ""));
  if (mupError(new->parser)) {
    status = parser_error(formula, new->parser);
    goto cleanup;
  }
  if (has_assignment(formula)) {
    status = kd_error(KD_ERROR_SCENARIO, "the formula %s assigns with =, where == would compare",
                      kd_quote(formula).text);
    goto cleanup;
  }
  // muParser compiles at the first evaluation.
  mupSetExpr(new->parser, formula);
  int n_result = 0;
  bool failed = mupError(new->parser);
  if (!failed) {
    mupEvalMulti(new->parser, &n_result);
    failed = mupError(new->parser);
  }
  if (failed) {
    status = parser_error(formula, new->parser);
  } else if (n_result != 1) {
    status = kd_error(KD_ERROR_SCENARIO, "the formula %s has %d values, not one",
                      kd_quote(formula).text, n_result);
  }

cleanup:
  if (status == KD_OK)
    *expression = new;
  else
    kd_expression_free(new);
  return status;
}

void kd_expression_free(kd_expression *expression) {
  if (!expression) return;
  if (expression->parser) mupRelease(expression->parser);
  kd_free(expression);
}

double kd_expression_value(kd_expression *expression, const double *values) {
  if (expression->n_variable > 0)
    memcpy(expression->values, values, expression->n_variable * sizeof *values);
  return mupEval(expression->parser);
}
