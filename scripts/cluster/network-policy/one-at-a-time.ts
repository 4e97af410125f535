/**
 * A task that never runs twice at once: who asks while it runs gets the one run that follows, with all others who asked.
 * A run that fails is told to those who asked for it, and the next one begins all the same.
 */
export function oneAtATime(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined;
        running = task();
        return running;
      });
    return next;
  };
}
