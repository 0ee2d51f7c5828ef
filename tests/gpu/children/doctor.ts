/** Prints what `mpt doctor` would. */
import { doctor, renderDoctor } from "../../../runtime/doctor.ts";

console.log(renderDoctor(await doctor()));
