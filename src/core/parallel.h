/// When threads pay.
#ifndef KD_CORE_PARALLEL_H
#define KD_CORE_PARALLEL_H

/// For the `if` clause of a parallel loop over k: `work` is the number of elements that it touches.
/// Waking threads takes microseconds, and on a busy machine waiting for them takes longer.
#define KD_WORTH_THREADS(work) ((work) >= 8192)

#endif
