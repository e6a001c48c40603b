/// Starting scenarios, each for one question.
#ifndef KELDRIFT_TEMPLATES_H
#define KELDRIFT_TEMPLATES_H

#include "keldrift/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_template {
  const char *name;      ///< "relaxation"
  const char *question;  ///< one sentence
  const char *text;      ///< the scenario with its comments
  const char *data_name; ///< of a file that the scenario reads; NULL for none
  const char *data;      ///< its content
} kd_template;

/// The templates; a row whose name is NULL is the last.
KD_API const kd_template *kd_templates(void);

/// Returns the template called `name`, NULL if there is none.
KD_API const kd_template *kd_template_find(const char *name);

/// Returns the template's name nearest to a misspelt one, NULL if none is near.
KD_API const char *kd_template_nearest(const char *name);

/// Writes a template to `path`, with the name of its result after that of the file, and its data
/// file, if there is one, into the same folder. Replaces nothing: a file that is there is
/// KD_ERROR_FILE, but for a data file with the same content. On failure nothing is left.
KD_API kd_status kd_template_write(const kd_template *template_, const char *path);

#ifdef __cplusplus
}
#endif
#endif
