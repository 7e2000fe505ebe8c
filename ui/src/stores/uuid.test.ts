import { expect, it } from "vitest";
import { uuidV7 } from "./uuid";

it("makes version 7 ids that carry their time and sort by it", () => {
  const at = 0x0199_1234_5678;
  const id = uuidV7(at);
  expect(id).toMatch(/^01991234-5678-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(uuidV7(at + 1) > id).toBe(true);
  expect(uuidV7(at)).not.toBe(id);
});
