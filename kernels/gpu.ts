/** The GPU by which tilings are chosen, an H100 class card under Dawn; others rank them much alike. */

/** Multiprocessors. */
export const CORES = 132;
/** Microseconds of a dispatch that waits for another. */
export const DISPATCH = 3.3;
