using System.Text;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Routes;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>What an import would do; nothing of it is done.</summary>
public sealed record ImportPreview(string Table, string Source, ImportRoute Route, string RouteReason, IReadOnlyList<ImportColumn> Columns)
{
    private const int Rows = 3;

    /// <summary>Opens the source, binds its columns, chooses the route, and reads the first rows.</summary>
    /// <exception cref="Errors.CitusException">The import would be refused.</exception>
    public static async Task<ImportPreview> ReadAsync(CsvImport import, CitusConnection connection, CitusException? noLedger,
        CsvSource source, TableName table, CancellationToken stop)
    {
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        await using ImportPlan plan = await ImportPlan.OpenAsync(import, connection, session, source, table, stop);
        ImportPlan routed = await plan.ChooseRouteAsync(import, session, noLedger, stop);
        List<string?[]> rows = await FirstRowsAsync(plan, stop);
        return new ImportPreview(plan.Table.Display, source.Name, routed.Route, routed.Reason, plan.Columns.Select((c, i) =>
            new ImportColumn(c.Field + 1, c.Name, c.Column.Name, c.Column.TypeName, rows.Select(r => r[i]).ToList())).ToList());
    }

    /// <summary>The preview as lines for a person.</summary>
    public override string ToString()
    {
        var text = new StringBuilder($"Load {Source} into {Table}").AppendLine().Append("  ").Append(Route).Append(" route: ")
            .AppendLine(RouteReason);
        foreach (ImportColumn column in Columns)
        {
            string from = column.Field is null ? "every row" : column.Name is null ? $"field {column.Field}"
                : $"field {column.Field} '{column.Name}'";
            IEnumerable<string> values = column.FirstValues.Select(v => v is null ? "NULL" : v.Length > 40 ? $"\"{v[..37]}...\""
                : $"\"{v}\"");
            text.AppendLine(System.Globalization.CultureInfo.InvariantCulture,
                $"  {from} -> {column.Column} ({column.Type}): {string.Join(", ", values)}");
        }
        return text.ToString().TrimEnd();
    }

    private static async Task<List<string?[]>> FirstRowsAsync(ImportPlan plan, CancellationToken stop)
    {
        var rows = new List<string?[]>();
        if (!await plan.Source.ReadAsync(stop)) return rows;
        (RecordBlock block, int start, int to) = plan.Source.Rows();
        var text = new FieldText(plan.Target.Dialect);
        var fields = new (int From, int To)[plan.Columns.Count];
        for (int end; start < to && rows.Count < Rows; start = end)
        {
            end = block.EndAfter(start);
            block.SplitFields(start, end, fields);
            rows.Add(fields.Select(f => text.Value(block.Block.Span[f.From..f.To])).ToArray());
        }
        return rows;
    }
}
