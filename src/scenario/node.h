/// A YAML document as a plain tree that remembers where everything was written.
#ifndef KD_SCENARIO_NODE_H
#define KD_SCENARIO_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "scenario/arena.h"
#include "scenario/report.h"

typedef enum kd_node_kind { KD_NODE_SCALAR, KD_NODE_SEQUENCE, KD_NODE_MAPPING } kd_node_kind;

struct kd_node;

/// An item of a sequence (then `key` is NULL) or of a mapping.
typedef struct kd_entry {
  const char *key;
  kd_place place; ///< of the key
  struct kd_node *value;
} kd_entry;

typedef struct kd_node {
  kd_node_kind kind;
  kd_place place;
  bool is_default;  ///< from the table, not from the user
  bool quoted;      ///< a scalar that was not plain
  const char *text; ///< of a scalar
  size_t count;     ///< entries of a sequence or mapping
  kd_entry *entries;
} kd_node;

/// Limits that keep hostile files harmless: levels, values, those of them that come from aliases,
/// keys of one mapping, bytes of one text.
enum {
  KD_NODE_MAX_DEPTH = 64,
  KD_NODE_MAX_COUNT = 1000000,
  KD_NODE_MAX_ALIASED = 10000,
  KD_NODE_MAX_KEYS = 1000,
  KD_NODE_MAX_TEXT = 65536
};

/// Where a text comes from.
typedef struct kd_origin {
  kd_place place; ///< of everything in the text if `fixed`; otherwise only `source` counts
  bool fixed;
  bool is_default;
  const char *path; ///< path in front of messages, "" for a whole scenario
} kd_origin;

/// Reads the single YAML document in `text`. Aliases become copies. No document at all gives a null
/// scalar (see kd_node_is_null). Faults go to `report`, with KD_ERROR_SCENARIO as result.
kd_status kd_node_parse(kd_arena *arena, const char *text, size_t length, const kd_origin *origin,
                        kd_faults *report, kd_node **node);

/// Applies PATH=VALUE, where VALUE is YAML. Missing mappings are created, a list index equal to the
/// length appends. Faults go to `report`; the result is KD_OK or KD_ERROR_MEMORY.
kd_status kd_node_override(kd_arena *arena, kd_node *root, const char *assignment,
                           kd_faults *report);

/// Returns the entry of a mapping, NULL if it has no such key.
const kd_entry *kd_node_find(const kd_node *mapping, const char *key);

/// True for a plain empty scalar, "~" or "null".
bool kd_node_is_null(const kd_node *node);

/// Returns "a list", "a mapping" or the quoted scalar, for messages.
kd_quoted kd_node_quote(const kd_node *node);

#endif
