// An attempt to change something: what was done is said, and so is what went wrong.
import { sentence } from "../api/client";
import { say } from "./notices.svelte";

export async function attempt(work: () => Promise<unknown>, done: string): Promise<boolean> {
  try {
    await work();
    say(done);
    return true;
  } catch (error) {
    say(sentence(error), true);
    return false;
  }
}
