import { assertEquals } from "../../tests/assert.ts";
import { closest } from "./closest.ts";

Deno.test("closest: finds what was meant, and nothing where nothing is near", () => {
  const words = ["optimizer", "loss", "loss_scale", "clip", "fn"];
  assertEquals(closest("optimiser", words), "optimizer");
  assertEquals(closest("Loss", words), "loss");
  assertEquals(closest("lsos", words), "loss");
  assertEquals(closest("loss_scael", words), "loss_scale");
  assertEquals(closest("banana", words), undefined);
  assertEquals(closest("x", words), undefined);
  assertEquals(closest("", words), undefined);
});
