/// Formulas through muParser.
#ifndef KD_SCENARIO_EXPRESSION_H
#define KD_SCENARIO_EXPRESSION_H

#include "keldrift/status.h"

typedef struct kd_expression kd_expression;

/// Compiles `formula` in the space-separated `variables` (at most 8). pi and e are known, besides
/// muParser's functions. On a syntax error or an unknown name returns KD_ERROR_SCENARIO with
/// muParser's reason in the message.
kd_status kd_expression_create(const char *formula, const char *variables,
                               kd_expression **expression);
void kd_expression_free(kd_expression *expression);

/// Value at `values`, one per variable in order. Not thread-safe for one object.
double kd_expression_value(kd_expression *expression, const double *values);

#endif
