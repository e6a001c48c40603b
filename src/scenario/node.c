#include "scenario/node.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/error.h"
#include "core/memory.h"

static bool is_any_of(const char *text, const char *const *words) {
  for (; *words; words++)
    if (strcmp(text, *words) == 0) return true;
  return false;
}

const kd_entry *kd_node_find(const kd_node *mapping, const char *key) {
  for (size_t i = 0; i < mapping->count; i++)
    if (strcmp(mapping->entries[i].key, key) == 0) return &mapping->entries[i];
  return NULL;
}

bool kd_node_is_null(const kd_node *node) {
  static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
  return node->kind == KD_NODE_SCALAR && !node->quoted && is_any_of(node->text, words);
}

kd_quoted kd_node_quote(const kd_node *node) {
  switch (node->kind) {
  case KD_NODE_SEQUENCE:
    return (kd_quoted){"a list"};
  case KD_NODE_MAPPING:
    return (kd_quoted){"a mapping"};
  default:
    return kd_node_is_null(node) ? (kd_quoted){"nothing"} : kd_quote(node->text);
  }
}

/// State of turning one libyaml document into a tree.
struct builder {
  kd_arena *arena;
  kd_faults *report;
  const kd_origin *origin;
  yaml_document_t *document;
  size_t *written; ///< of each node of the document: see count_aliased
  size_t n_node;
  int open[KD_NODE_MAX_DEPTH]; ///< collections around the current node
};

static kd_place place_at(const kd_origin *origin, yaml_mark_t mark) {
  if (origin->fixed) return origin->place;
  return (kd_place){origin->place.source, mark.line + 1, mark.column + 1};
}

#define COMPLAIN(builder, mark, ...)                                                               \
  (kd_faults_add((builder)->report, place_at((builder)->origin, mark), (builder)->origin->path,    \
                 __VA_ARGS__),                                                                     \
   KD_ERROR_SCENARIO)

static kd_status complain_of_depth(const struct builder *builder, yaml_mark_t mark) {
  return COMPLAIN(builder, mark, "nested too deeply (expected at most %d levels)",
                  KD_NODE_MAX_DEPTH);
}

static kd_status build(struct builder *builder, int index, size_t depth, kd_node **result);

static kd_status build_scalar(struct builder *builder, const yaml_node_t *from, kd_node *node) {
  const char *text = (const char *)from->data.scalar.value;
  const size_t length = from->data.scalar.length;
  if (strcmp((const char *)from->tag, YAML_STR_TAG) != 0)
    return COMPLAIN(builder, from->start_mark, "the tag %s is not understood (expected no tag)",
                    kd_quote((const char *)from->tag).text);
  if (length > KD_NODE_MAX_TEXT)
    return COMPLAIN(builder, from->start_mark, "a text of %zu bytes (expected at most %d)", length,
                    KD_NODE_MAX_TEXT);
  if (memchr(text, '\0', length))
    return COMPLAIN(builder, from->start_mark, "a text contains a zero character");
  node->kind = KD_NODE_SCALAR;
  node->quoted = from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  node->text = kd_arena_copy(builder->arena, text, length);
  return node->text ? KD_OK : KD_ERROR_MEMORY;
}

static kd_status build_sequence(struct builder *builder, const yaml_node_t *from, size_t depth,
                                kd_node *node) {
  if (strcmp((const char *)from->tag, YAML_SEQ_TAG) != 0)
    return COMPLAIN(builder, from->start_mark, "the tag %s is not understood (expected no tag)",
                    kd_quote((const char *)from->tag).text);
  const yaml_node_item_t *items = from->data.sequence.items.start;
  node->kind = KD_NODE_SEQUENCE;
  node->count = (size_t)(from->data.sequence.items.top - items);
  node->entries = kd_arena_allocate(builder->arena, node->count, sizeof *node->entries);
  if (!node->entries) return KD_ERROR_MEMORY;
  for (size_t i = 0; i < node->count; i++) {
    KD_TRY(build(builder, items[i], depth + 1, &node->entries[i].value));
    node->entries[i].place = node->entries[i].value->place;
  }
  return KD_OK;
}

static kd_status build_mapping(struct builder *builder, const yaml_node_t *from, size_t depth,
                               kd_node *node) {
  if (strcmp((const char *)from->tag, YAML_MAP_TAG) != 0)
    return COMPLAIN(builder, from->start_mark, "the tag %s is not understood (expected no tag)",
                    kd_quote((const char *)from->tag).text);
  const yaml_node_pair_t *pairs = from->data.mapping.pairs.start;
  const size_t n_pair = (size_t)(from->data.mapping.pairs.top - pairs);
  if (n_pair > KD_NODE_MAX_KEYS)
    return COMPLAIN(builder, from->start_mark, "a mapping with %zu keys (expected at most %d)",
                    n_pair, KD_NODE_MAX_KEYS);
  node->kind = KD_NODE_MAPPING;
  node->entries = kd_arena_allocate(builder->arena, n_pair, sizeof *node->entries);
  if (!node->entries) return KD_ERROR_MEMORY;
  for (size_t i = 0; i < n_pair; i++) {
    const yaml_node_t *key = yaml_document_get_node(builder->document, pairs[i].key);
    if (key->type != YAML_SCALAR_NODE)
      return COMPLAIN(builder, key->start_mark, "a key that is not a plain word");
    kd_node name = {0};
    KD_TRY(build_scalar(builder, key, &name));
    const kd_entry *earlier = kd_node_find(node, name.text);
    if (earlier && !builder->origin->fixed)
      return COMPLAIN(builder, key->start_mark, "duplicate key %s (first given in line %zu)",
                      kd_quote(name.text).text, earlier->place.line);
    if (earlier)
      return COMPLAIN(builder, key->start_mark, "duplicate key %s", kd_quote(name.text).text);
    kd_entry *entry = &node->entries[node->count];
    entry->key = name.text;
    entry->place = place_at(builder->origin, key->start_mark);
    KD_TRY(build(builder, pairs[i].value, depth + 1, &entry->value));
    node->count++;
  }
  return KD_OK;
}

static kd_status build(struct builder *builder, int index, size_t depth, kd_node **result) {
  const yaml_node_t *from = yaml_document_get_node(builder->document, index);
  for (size_t i = 0; i < depth && i < KD_NODE_MAX_DEPTH; i++)
    if (builder->open[i] == index)
      return COMPLAIN(builder, from->start_mark, "an alias within what it stands for");
  if (depth >= KD_NODE_MAX_DEPTH) return complain_of_depth(builder, from->start_mark);
  builder->open[depth] = index;
  if (++builder->n_node > KD_NODE_MAX_COUNT)
    return COMPLAIN(builder, from->start_mark, "too large (expected at most %d values)",
                    KD_NODE_MAX_COUNT);
  kd_node *node = kd_arena_allocate(builder->arena, 1, sizeof *node);
  if (!node) return KD_ERROR_MEMORY;
  node->place = place_at(builder->origin, from->start_mark);
  node->is_default = builder->origin->is_default;
  *result = node;
  switch (from->type) {
  case YAML_SEQUENCE_NODE:
    return build_sequence(builder, from, depth, node);
  case YAML_MAPPING_NODE:
    return build_mapping(builder, from, depth, node);
  default:
    return build_scalar(builder, from, node);
  }
}

/// Adds to `*aliased` the values that stand in node `index` only through aliases, and sets
/// `written[index]` to all its values with every alias written out: a(n) = sum over children c of
/// a(c), or of w(c) for an alias, and w(n) = 1 + sum w(c). A long text counts as one value per
/// TEXT_OF_ONE characters. An alias points back, to a node that has been counted, or to one around
/// it, which `build` refuses; so the time grows with the document and not with what it stands for.
static kd_status count_aliased(struct builder *builder, int index, size_t *aliased) {
  enum { TEXT_OF_ONE = 100 };
  const yaml_node_t *node = yaml_document_get_node(builder->document, index);
  const bool is_mapping = node->type == YAML_MAPPING_NODE;
  size_t count = 0, sum = 1;
  if (is_mapping)
    count = 2 * (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
  else if (node->type == YAML_SEQUENCE_NODE)
    count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
  else
    sum += node->data.scalar.length / TEXT_OF_ONE;
  builder->written[index] = sum;
  for (size_t i = 0; i < count; i++) {
    const yaml_node_pair_t *pair = is_mapping ? &node->data.mapping.pairs.start[i / 2] : NULL;
    const int child = !pair        ? node->data.sequence.items.start[i]
                      : i % 2 == 0 ? pair->key
                                   : pair->value;
    if (builder->written[child] > 0)
      *aliased += builder->written[child];
    else
      KD_TRY(count_aliased(builder, child, aliased));
    if (*aliased > KD_NODE_MAX_ALIASED)
      return COMPLAIN(
          builder, node->start_mark,
          "too large, with every alias written out (expected at most %d values from aliases)",
          KD_NODE_MAX_ALIASED);
    sum += builder->written[child];
  }
  builder->written[index] = sum;
  return KD_OK;
}

/// Refuses aliases that multiply before anything is copied.
static kd_status check_aliases(struct builder *builder) {
  const yaml_document_t *document = builder->document;
  const size_t n_node = (size_t)(document->nodes.top - document->nodes.start);
  size_t aliased = 0;
  builder->written = kd_allocate(n_node + 1, sizeof *builder->written); // nodes count from 1
  const kd_status status = builder->written ? count_aliased(builder, 1, &aliased) : KD_ERROR_MEMORY;
  kd_free(builder->written);
  builder->written = NULL;
  return status;
}

static kd_status complain_of_syntax(const struct builder *builder, const yaml_parser_t *parser,
                                    const char *text, size_t length) {
  if (parser->error == YAML_MEMORY_ERROR)
    return kd_error(KD_ERROR_MEMORY, "cannot read YAML: out of memory");
  if (parser->error == YAML_READER_ERROR) {
    const size_t offset = parser->problem_offset < length ? parser->problem_offset : length;
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < offset; i++) {
      mark.column++;
      if (text[i] != '\n') continue;
      mark.line++;
      mark.column = 0;
    }
    return COMPLAIN(builder, mark, "%s (expected UTF-8 text)",
                    parser->problem ? parser->problem : "unreadable characters");
  }
  const yaml_mark_t mark = parser->problem_mark;
  if (mark.index < length && text[mark.index] == '\t')
    return COMPLAIN(builder, mark, "a tab where YAML allows none (expected spaces)");
  if (parser->context && parser->context_mark.line != mark.line && !builder->origin->fixed)
    return COMPLAIN(builder, mark, "YAML: %s, %s that begins in line %zu", parser->problem,
                    parser->context, parser->context_mark.line + 1);
  if (parser->context)
    return COMPLAIN(builder, mark, "YAML: %s, %s", parser->problem, parser->context);
  return COMPLAIN(builder, mark, "YAML: %s", parser->problem ? parser->problem : "syntax error");
}

/// Refuses deep nesting before libyaml, whose time grows with the square of the depth, builds it.
static kd_status check_depth(const struct builder *builder, const char *text, size_t length) {
  kd_status status = KD_OK;
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser))
    return kd_error(KD_ERROR_MEMORY, "cannot read YAML: out of memory");
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
  size_t depth = 0;
  for (bool goes_on = true; goes_on;) {
    yaml_event_t event;
    // What is wrong with the text is told when it is read for good.
    if (!yaml_parser_parse(&parser, &event)) break;
    if (event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT) depth++;
    if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) depth--;
    if (depth > KD_NODE_MAX_DEPTH) status = complain_of_depth(builder, event.start_mark);
    goes_on = status == KD_OK && event.type != YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  return status;
}

kd_status kd_node_parse(kd_arena *arena, const char *text, size_t length, const kd_origin *origin,
                        kd_faults *report, kd_node **node) {
  kd_status status = KD_OK;
  yaml_parser_t parser;
  yaml_document_t document, second;
  bool has_document = false, has_second = false;
  struct builder builder = {
      .arena = arena, .report = report, .origin = origin, .document = &document};
  *node = NULL;
  KD_TRY(check_depth(&builder, text, length));
  if (!yaml_parser_initialize(&parser))
    return kd_error(KD_ERROR_MEMORY, "cannot read YAML: out of memory");
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);

  if (!yaml_parser_load(&parser, &document)) {
    status = complain_of_syntax(&builder, &parser, text, length);
    goto cleanup;
  }
  has_document = true;
  if (!yaml_document_get_root_node(&document)) {
    *node = kd_arena_allocate(arena, 1, sizeof **node);
    if (!*node) {
      status = KD_ERROR_MEMORY;
      goto cleanup;
    }
    (*node)->text = "";
    (*node)->place = place_at(origin, (yaml_mark_t){0});
    (*node)->is_default = origin->is_default;
    goto cleanup;
  }
  KD_CHECK(check_aliases(&builder));
  KD_CHECK(build(&builder, 1, 0, node));

  if (!yaml_parser_load(&parser, &second)) {
    status = complain_of_syntax(&builder, &parser, text, length);
    goto cleanup;
  }
  has_second = true;
  if (yaml_document_get_root_node(&second))
    status = COMPLAIN(&builder, second.start_mark, "a second YAML document (expected only one)");

cleanup:
  if (has_second) yaml_document_delete(&second);
  if (has_document) yaml_document_delete(&document);
  yaml_parser_delete(&parser);
  return status;
}

/// Appends an entry to a sequence (`key` NULL) or mapping; its value is still to be set.
static kd_entry *append_entry(kd_arena *arena, kd_node *node, const char *key, kd_place place) {
  kd_entry *entries = kd_arena_allocate(arena, node->count + 1, sizeof *entries);
  if (!entries) return NULL;
  if (node->count > 0) memcpy(entries, node->entries, node->count * sizeof *entries);
  node->entries = entries;
  kd_entry *entry = &entries[node->count++];
  *entry = (kd_entry){.key = key, .place = place};
  return entry;
}

static bool is_index(const char *word) {
  return word[0] && strspn(word, "0123456789") == strlen(word) && strlen(word) <= 9;
}

kd_status kd_node_override(kd_arena *arena, kd_node *root, const char *assignment,
                           kd_faults *report) {
  enum { MAX_SOURCE = 200 };
  char *source = kd_arena_format(arena, "--set %s", assignment);
  char *copy = kd_arena_copy(arena, assignment, strlen(assignment));
  if (!source || !copy) return KD_ERROR_MEMORY;
  if (strlen(source) > MAX_SOURCE) strcpy(source + kd_text_clip(source, MAX_SOURCE), "...");
  const kd_place place = {.source = source};
  char *equals = strchr(copy, '=');
  if (!equals) {
    kd_faults_add(report, place, "", "no value (expected PATH=VALUE)");
    return KD_OK;
  }
  *equals = '\0';
  const char *path = kd_arena_copy(arena, copy, strlen(copy));
  if (!path) return KD_ERROR_MEMORY;
  const kd_origin origin = {.place = place, .fixed = true, .path = path};
  kd_node *value;
  const kd_status status =
      kd_node_parse(arena, equals + 1, strlen(equals + 1), &origin, report, &value);
  if (status != KD_OK) return status == KD_ERROR_SCENARIO ? KD_OK : status;

  kd_node *node = root;
  for (char *word = copy;;) {
    char *dot = strchr(word, '.');
    if (dot) *dot = '\0';
    if (!word[0]) {
      kd_faults_add(report, place, path, "an empty name in the path (expected NAME.NAME=VALUE)");
      return KD_OK;
    }
    // The container has no shape yet: the first word that enters it decides.
    if (kd_node_is_null(node)) {
      node->kind = is_index(word) ? KD_NODE_SEQUENCE : KD_NODE_MAPPING;
      node->place = place;
    }
    kd_entry *entry = NULL;
    if (node->kind == KD_NODE_SCALAR) {
      kd_faults_add(report, place, path, "%s is inside the single value %s", word,
                    kd_quote(node->text).text);
      return KD_OK;
    }
    if (node->kind == KD_NODE_SEQUENCE) {
      const size_t index = is_index(word) ? strtoul(word, NULL, 10) : node->count + 1;
      if (index > node->count) {
        if (!isalpha((unsigned char)word[0]))
          kd_faults_add(report, place, path, "no item %s in a list of %zu (expected 0 to %zu)",
                        kd_quote(word).text, node->count, node->count);
        else
          kd_faults_add(report, place, path,
                        "no item %s in a list of %zu (expected a number from 0 to %zu in front of "
                        "it, as in %.*s0.%s)",
                        kd_quote(word).text, node->count, node->count, (int)(word - copy), path,
                        word);
        return KD_OK;
      }
      if (index < node->count) entry = &node->entries[index];
    } else {
      entry = (kd_entry *)kd_node_find(node, word);
    }
    if (!entry) {
      entry = append_entry(arena, node, node->kind == KD_NODE_MAPPING ? word : NULL, place);
      if (!entry) return KD_ERROR_MEMORY;
    }
    if (!dot) {
      entry->value = value;
      return KD_OK;
    }
    if (!entry->value) {
      entry->value = kd_arena_allocate(arena, 1, sizeof *entry->value);
      if (!entry->value) return KD_ERROR_MEMORY;
      entry->value->text = "";
      entry->value->place = place;
    }
    node = entry->value;
    word = dot + 1;
  }
}
