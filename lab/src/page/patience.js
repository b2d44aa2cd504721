const LONG_MS = 5000;
const EVERY_MS = 1000;

/** Once a run takes long, says every second what it is at and how to end it. Gives back what ends that. */
export function whileLong(running, say) {
  const began = performance.now();
  let timer = setTimeout(again, LONG_MS);
  function again() {
    const seconds = Math.round((performance.now() - began) / 1000);
    const test = running();
    const at = test ? `at the test “${test}”` : "before the first test has ended";
    say(
      `Running for ${seconds} s, ${at}. Stop, or the key Esc, ends it.`,
      seconds * 1000 < LONG_MS + EVERY_MS,
    );
    timer = setTimeout(again, EVERY_MS);
  }
  return () => clearTimeout(timer);
}
