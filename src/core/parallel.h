/// When threads pay.
#ifndef KD_CORE_PARALLEL_H
#define KD_CORE_PARALLEL_H

/// Waking threads takes microseconds, and on a busy machine waiting for them takes longer. A build
/// that looks for races sets 1, so that small problems use threads as well (scripts/test tsan).
#ifndef KD_THREADS_FROM
#define KD_THREADS_FROM 8192
#endif

/// For the `if` clause of a parallel loop over k: `work` is the number of elements that it touches.
#define KD_WORTH_THREADS(work) ((work) >= KD_THREADS_FROM)

#endif
