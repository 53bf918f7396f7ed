using System.Text;
using System.Text.RegularExpressions;
using CsvHelper;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Mapping;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Says which row of the user's file made a COPY fail. The coordinator, or a shard's server, names the line of what
/// it was sent, and the file is read again to find the record that stood there. Where a worker refused a row that
/// the coordinator had sent it, Citus passes on neither the line nor the SQLSTATE, so the records are validated:
/// loaded into a temporary table with the same constraints, on the coordinator, and rolled back.
/// </summary>
/// <param name="firstByte">Where the refused batch begins in the source.</param>
internal sealed partial class RefusedRowFinder(CitusConnection connection, CsvFile file, CopyTarget target, long firstByte)
{
    /// <summary>The error to show for a COPY that a server refused; the failed transaction is over.</summary>
    public async Task<CitusException> ExplainAsync(RecordRefusedException refused, CancellationToken stop)
    {
        PostgresException told = refused.Refusal;
        Record? record = null;
        await using NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        try
        {
            // Citus's own COPY into a shard may be what the line is of, or the shard may have refused rows that were read before it.
            string sentTo = refused.Shard?.ShardName ?? target.Table.Name.Name;
            bool isOfShard = !string.IsNullOrEmpty(told.TableName) && told.TableName != sentTo;
            if (isOfShard || PostgresErrors.CopyContext(told) is not { } where || where.Relation != sentTo)
                (told, record) = await ValidateAsync(session, told, stop);
            else record = await FindAsync(where.Line, Unit.Line, refused.WasSent, stop);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or CitusException && !stop.IsCancellationRequested)
        {
            // The first failure is what counts; without the row the message is less exact.
        }
        if (record is null && !PostgresErrors.IsAboutRow(told)) return PostgresErrors.Describe(refused.Refusal, file.Source.Name);
        return await ErrorAsync(session, told, refused.Shard, record, stop);
    }

    private async Task<CitusException> ErrorAsync(
        NpgsqlConnection session, PostgresException refusal, ShardRange? shard, Record? record, CancellationToken stop)
    {
        string[] blamed = await BlamedColumnsAsync(session, refusal, stop);
        string? value = record?.ValuesOf(blamed, target.Columns);
        string column = string.Join(", ", blamed);
        string reason = target.Readable(refusal.MessageText, shard);
        string detail = target.Detail(refusal, shard) is { } told ? " " + told : "";
        string advice = RefusedRowAdvice.Of(refusal.SqlState, file.Dialect,
            blamed is [var only] ? target.Table.FindColumn(only) : null, value, record?.Text, record?.Line)
            ?? (PostgresErrors.IsAboutValue(refusal) ? $"Fix the line. {PostgresErrors.CannotSkip}"
                : RejectErrors.Advice(refusal.SqlState, file.Dialect));
        return RejectErrors.RowRefused(
            new RefusedRow(file.Source.Name, record?.Line, column.Length > 0 ? column : null, value, refusal.SqlState, reason + detail),
            advice, $"{reason.TrimEnd('.')}.{detail}", refusal);
    }

    /// <summary>The key in "Key (a, b)=(1, 2) already exists".</summary>
    [GeneratedRegex(@"\((?<columns>[^()]+)\)=\((?<values>.*)\)")]
    private static partial Regex KeyPattern();

    private async Task<string[]> BlamedColumnsAsync(NpgsqlConnection session, PostgresException refusal, CancellationToken stop)
    {
        if (PostgresErrors.CopyContext(refusal) is { Column: { } named }) return [named];
        if (!string.IsNullOrEmpty(refusal.ColumnName)) return [refusal.ColumnName];
        if (refusal.SqlState == PostgresErrorCodes.NullValueNotAllowed && target.Table.DistributionColumn is { } key) return [key];
        if (Key(refusal) is { } found) return found.Columns;
        if (string.IsNullOrEmpty(refusal.ConstraintName)) return [];
        await using var command = new NpgsqlCommand("""
            SELECT a.attname FROM pg_catalog.pg_constraint k
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
            WHERE k.conrelid = $1::oid AND k.conname = $2 ORDER BY a.attnum
            """, session)
        {
            Parameters = { new() { Value = (long)target.Table.Oid }, new() { Value = refusal.ConstraintName } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var names = new List<string>();
        while (await row.ReadAsync(stop)) names.Add(row.GetString(0));
        return [.. names];
    }

    private static (string[] Columns, string[] Values)? Key(PostgresException refusal)
    {
        if (refusal.Detail is null || KeyPattern().Match(refusal.Detail) is not { Success: true } match) return null;
        string[] names = match.Groups["columns"].Value.Split(", ").Select(c => c.Trim('"').Replace("\"\"", "\"", StringComparison.Ordinal))
            .ToArray();
        string[] values = names.Length == 1 ? [match.Groups["values"].Value] : match.Groups["values"].Value.Split(", ");
        return names.Length == values.Length ? (names, values) : null;
    }

    private async Task<(PostgresException Told, Record? Record)> ValidateAsync(
        NpgsqlConnection session, PostgresException refusal, CancellationToken stop)
    {
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        await ValidationTable.CreateAsync(session, target.Table, stop);
        await SearchPath.ReleaseAsync(session, stop, local: true); // for the table's constraints
        TextWriter writer = await session.BeginTextImportAsync(ValidationTable.CopyCommand(target), stop);
        Stream copy = ((StreamWriter)writer).BaseStream;
        try
        {
            await using SourceCursor source = await file.OpenAsync(stop);
            while (await source.ReadFromAsync(firstByte, stop))
            {
                (RecordBlock rows, int from, int to) = source.Rows();
                await copy.WriteAsync(rows.Block[from..to], stop);
            }
            await copy.DisposeAsync();
        }
        catch (PostgresException again) when (PostgresErrors.CopyContext(again) is { } where)
        {
            await transaction.RollbackAsync(stop);
            return (again, await FindAsync(where.Line, Unit.Line, null, stop));
        }
        // Every row is good in itself: it clashes with rows of the cluster, and the detail names its key.
        long? row = await FindByKeyAsync(session, refusal, stop);
        await transaction.RollbackAsync(stop);
        if (row is null) return await ProbeAsync(refusal, stop);
        return (await WorkerRefusal.ReadAsync(session, target.Table, refusal, stop), await FindAsync(row.Value, Unit.Record, null, stop));
    }

    /// <summary>The first record that a worker refuses for a reason other than a constraint.</summary>
    private async Task<(PostgresException Told, Record? Record)> ProbeAsync(PostgresException refusal, CancellationToken stop)
    {
        await using var probe = new ProbeCopy(connection, target);
        await using SourceCursor source = await file.OpenAsync(stop);
        var bounds = new List<RecordBounds>();
        while (await source.ReadFromAsync(firstByte, stop))
        {
            (RecordBlock rows, int from, int to) = source.Rows();
            if (from == to) continue;
            rows.BoundsOf(from, to, bounds);
            RecordBounds[] all = [.. bounds];
            if (await TryAsync(0, all.Length) is null) continue;
            (int low, int high) = (0, all.Length);
            while (high - low > 1)
            {
                int middle = (low + high) / 2;
                if (await TryAsync(low, middle) is null) low = middle;
                else high = middle;
            }
            // Two records that clash only with each other are each good by themselves.
            return await TryAsync(low, high) is { } told ? (told, Parse(rows, StartOf(low), all[low].End)) : (refusal, null);

            int StartOf(int record) => record == 0 ? from : all[record - 1].End;
            Task<PostgresException?> TryAsync(int first, int end) =>
                probe.TryAsync(rows.Block, StartOf(first), all.AsMemory(first..end), stop);
        }
        return (WorkerRefusal.WithoutShards(target.Table, refusal), null);
    }

    private async Task<long?> FindByKeyAsync(NpgsqlConnection session, PostgresException refusal, CancellationToken stop)
    {
        if (Key(refusal) is not { } key || key.Columns.Any(c => target.Table.FindColumn(c) is null)) return null;
        string condition = string.Join(" AND ", key.Columns.Select((c, i) => $"{TableName.Quote(c)}::text = ${i + 1}"));
        await using var command = new NpgsqlCommand($"SELECT min(woodgrove_row) FROM pg_temp.{ValidationTable.Table} WHERE {condition}",
            session);
        foreach (string value in key.Values) command.Parameters.Add(new() { Value = value });
        return await command.ExecuteScalarAsync(stop) as long?;
    }

    /// <summary>The n-th record of the batch, or the one that its n-th line ends; among those of one shard, or all.</summary>
    private async Task<Record?> FindAsync(long n, Unit unit, Func<RecordBlock, int, int, bool>? counts, CancellationToken stop)
    {
        await using SourceCursor source = await file.OpenAsync(stop);
        long seen = 0;
        var lines = new ServerLines();
        while (await source.ReadFromAsync(firstByte, stop))
        {
            (RecordBlock rows, int start, int to) = source.Rows();
            while (start < to)
            {
                int end = rows.EndAfter(start);
                if (counts is null || counts(rows, start, end)) seen += unit == Unit.Record ? 1 : lines.Of(rows.Block.Span[start..end]);
                if (seen >= n) return Parse(rows, start, end);
                start = end;
            }
        }
        return null;
    }

    private enum Unit
    {
        Line,
        Record,
    }

    private Record Parse(RecordBlock rows, int start, int end)
    {
        string text = Encoding.UTF8.GetString(rows.Block.Span[start..end]).TrimEnd('\r', '\n');
        using var parser = new CsvParser(new StringReader(text), target.Dialect.ForCsvHelper());
        string[] sent = parser.Read() ? parser.Record! : [];
        // What the file has, not what was made of it.
        IEnumerable<string> fields = sent.Length == target.Columns.Count ? sent.Select((value, i) => rows.SourceText(end, i) ?? value)
            : sent;
        return new Record(rows.LineAt(end), text, [.. fields]);
    }

    /// <summary>A record of the file.</summary>
    private sealed record Record(long Line, string Text, IReadOnlyList<string> Fields)
    {
        /// <summary>The values of some columns, or the whole record where none is known.</summary>
        public string? ValuesOf(string[] names, IReadOnlyList<TableColumn> columns)
        {
            if (names.Length == 0 || Fields.Count != columns.Count) return Text;
            IEnumerable<int> at = names.Select(n => Array.FindIndex([.. columns], c => c.Name == n)).Where(i => i >= 0);
            return string.Join(", ", at.Select(i => Fields[i]));
        }
    }
}
