// What is read from the page is read once, however many views ask for it.

/** A function that makes the promise of a name when it is first asked for, and gives it from then on. */
export function keptByName<T>(): (name: string, make: () => Promise<T>) => Promise<T> {
  const kept = new Map<string, Promise<T>>();
  return (name, make) => {
    const found = kept.get(name) ?? make();
    kept.set(name, found);
    return found;
  };
}
