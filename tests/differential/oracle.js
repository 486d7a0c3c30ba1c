// Reads numbers, one a line; writes 1 where npm id-validator accepts, else 0. Argument: the folder of the package.
const path = require("path");
const root = path.resolve(process.argv[2]);
const Validator = require(path.join(root, "src", "IDValidator.js"));
const validator = new Validator(require(path.join(root, "src", "GB2260.js")));
const lines = require("fs").readFileSync(0, "utf8").split("\n");
lines.pop();
process.stdout.write(lines.map((number) => (validator.isValid(number) ? "1\n" : "0\n")).join(""));
