// Reads {tables: {name: "(column: type, ...)"}, queries: {name: text}} from the input. Writes for each query what
// Microsoft's parser reports, and the columns of its result.
require("@kusto/language-service-next/bridge.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.js");

const { GlobalState, KustoCode, Symbols } = Kusto.Language;
const { queries, tables } = JSON.parse(require("fs").readFileSync(0, "utf-8"));
const symbols = Object.entries(tables).map(([name, schema]) => new Symbols.TableSymbol.$ctor7(name, schema, null));
const database = new Symbols.DatabaseSymbol.$ctor1("logs", symbols, false);
const globals = GlobalState.Default.WithDatabase(database);

const found = {};
for (const [name, query] of Object.entries(queries)) {
    const code = KustoCode.ParseAndAnalyze(query, globals);
    const list = code.GetDiagnostics();
    const diagnostics = [];
    for (let at = 0; at < list.Count; at++) diagnostics.push(`${list.getItem(at).Code} ${list.getItem(at).Message}`);
    const columns = {};
    const result = code.ResultType;
    if (result && result.Columns)
        for (let at = 0; at < result.Columns.Count; at++) {
            const column = result.Columns.getItem(at);
            columns[column.Name] = column.Type.Name;
        }
    found[name] = { diagnostics, columns };
}
console.log(JSON.stringify(found));
