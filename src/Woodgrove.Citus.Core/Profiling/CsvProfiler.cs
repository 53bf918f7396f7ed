using System.Text;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Import;
using Woodgrove.Citus.Ingest.Mapping;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Profiling;

/// <summary>Reads a CSV once, in memory that does not grow with it, and says what it holds and what a load would refuse.</summary>
public sealed class CsvProfiler(CsvSource source)
{
    private const int ProblemsKept = 20, QuestionSize = 5000;

    private readonly List<CsvProblem> _problems = [];
    private string? _key;
    private long _problemCount, _rows;

    public CsvDialect Dialect { get; init; } = new();

    /// <summary>Takes another delimiter than the dialect's where the first line is one field with it and several with the other.</summary>
    public bool DetectDelimiter { get; init; }

    /// <summary>The fields' names, and, with a table, which of its columns they go to and what is made of their text on the way.</summary>
    public CsvShape Shape { get; init; } = new();

    /// <summary>The cluster and the table to check against; null checks against what the values look like.</summary>
    public CitusConnection? Connection { get; init; }
    public TableName? Table { get; init; }

    /// <summary>The column whose spread over shards is predicted; null takes the table's own.</summary>
    public string? DistributionColumn { get; init; }

    /// <summary>Shards to predict for where no distributed table is named.</summary>
    public int ShardCount { get; init; } = 32;

    /// <summary>Counts rows by shard for every column.</summary>
    public bool EveryColumn { get; init; }

    /// <summary>The source is rows of the table itself: some of its columns, in which nothing can be wrong.</summary>
    internal bool Rows { get; init; }

    public Action<ImportProgress>? Progress { get; init; }
    public Action<string>? Warn { get; init; }

    /// <summary>The rows by shard of each column, where <see cref="EveryColumn"/> asked for them.</summary>
    internal IReadOnlyDictionary<string, long[]> RowsByShard { get; private set; } = new Dictionary<string, long[]>();

    /// <exception cref="CitusException">The file can't be read, or its columns are not those of the table.</exception>
    public async Task<CsvProfile> RunAsync(CancellationToken stop)
    {
        if (Table is null && Shape.NeedsTable)
        {
            throw new CitusException("CitusShapeNeedsTable", CitusErrorKind.InvalidArgument,
                "-ColumnMap, -SkipColumn, -StaticColumn, -Culture, -DateTimeFormat, -TrueValue and -FalseValue say how fields become "
                    + "columns of a table, and none is named.", "Name it with -Table, or leave them out.");
        }
        CsvDialect dialect = await DialectAsync(stop);
        await using CsvInput input = await CsvInput.OpenAsync(source, dialect, stop);
        await using NpgsqlConnection? session = Connection is null || Table is null ? null : await Connection.OpenSessionAsync(stop);
        TableInfo? table = session is null ? null : await TableCatalog.FindAsync(Connection!, session, Table!.Value, stop);
        IReadOnlyList<BoundColumn>? bound = table is null ? null
            : Rows ? [.. Shape.Fields!.Select((c, i) => new BoundColumn(table.FindColumn(c)!, i, c))]
            : ColumnBinding.Bind(input, dialect, table, Shape);
        var file = new CsvFile(source, dialect,
            bound is null ? null : RecordConverter.For(source, dialect, ColumnBinding.FieldCount(input, dialect, Shape), bound, Shape));
        TableColumn[]? targets = bound?.Select(b => b.Column).ToArray();
        string[] names = targets?.Select(t => t.Name).ToArray() ?? Names(input, dialect);
        string? key = _key = KeyOf(names, table);
        ShardMap? shards = await ShardsAsync(session, table, key, stop);
        ColumnProfiler[] columns = [.. names.Select((n, i) => new ColumnProfiler(n, targets?[i], EveryColumn || n == key ? shards : null))];
        if (input.FirstLine.StartsWith("sep=", StringComparison.OrdinalIgnoreCase))
            Refuse(1, null, input.FirstLine, "is Excel's own line (sep=) and no header: take it out of the file, "
                + "and give the character in it as the delimiter");
        string lineEnd = await ReadAsync(input, file, columns, session, stop);
        return await FinishAsync(input, dialect, lineEnd, columns, key, shards, session, stop);
    }

    private async Task<CsvDialect> DialectAsync(CancellationToken stop)
    {
        CsvDialect dialect = Dialect.Checked();
        if (!DetectDelimiter) return dialect;
        await using CsvInput input = await CsvInput.OpenAsync(source, dialect, stop);
        if (input.FirstRecord.Count > 1) return dialect;
        char best = ";\t|".MaxBy(c => input.FirstLine.Count(x => x == c));
        return input.FirstLine.Contains(best) ? dialect with { Delimiter = best } : dialect;
    }

    private string[] Names(CsvInput input, CsvDialect dialect)
    {
        if (Shape.Fields is { Count: > 0 } fields && fields.Count != input.FirstRecord.Count)
        {
            throw new CitusException("CitusWrongColumnCount", CitusErrorKind.InvalidData,
                $"{source}: the first line has {input.FirstRecord.Count} field(s), but -Column names {fields.Count}.",
                "Name as many columns as the file has, or give its -Delimiter.") { Target = source.Name };
        }
        string[] names = Shape.Fields is { Count: > 0 } ? [.. Shape.Fields]
            : dialect.HasHeader ? [.. input.FirstRecord.Select(n => n.Trim())]
            : [.. input.FirstRecord.Select((_, i) => $"column{i + 1}")];
        if (dialect.HasHeader && input.FirstRecord.Any(f => ValueKinds.Of(Encoding.UTF8.GetBytes(f),
            out _) is not (ValueKind.Text or ValueKind.Boolean)))
            Warn?.Invoke($"The first line looks like data, not names: {input.FirstLine[..Math.Min(80, input.FirstLine.Length)]}. "
                + "-NoHeader reads it as data.");
        return names;
    }

    private string? KeyOf(string[] names, TableInfo? table)
    {
        string? asked = Rows ? null : DistributionColumn ?? (table?.Kind == TableKind.Distributed ? table.DistributionColumn : null);
        if (asked is null || names.FirstOrDefault(n => string.Equals(n, asked, StringComparison.OrdinalIgnoreCase)) is { } found
            && (asked = found) is not null) return asked;
        throw new CitusException("CitusColumnNotFound", CitusErrorKind.ObjectNotFound, $"{source} has no column '{asked}'.",
            $"Its columns are {string.Join(", ", names)}.") { Target = source.Name };
    }

    private async Task<ShardMap?> ShardsAsync(NpgsqlConnection? session, TableInfo? table, string? key, CancellationToken stop)
    {
        if (key is null && !EveryColumn) return null;
        if (session is null || table?.Kind != TableKind.Distributed || table.DistributionColumn != key) return ShardMap.Equal(ShardCount);
        return (await ShardResolver.OpenAsync(session, table, stop)).Shards;
    }

    private async Task<string> ReadAsync(CsvInput input, CsvFile file, ColumnProfiler[] columns, NpgsqlConnection? session,
        CancellationToken stop)
    {
        var reader = new CsvRecordReader(input, file.Dialect);
        var fields = new CsvFields(file.Converter is null ? file.Dialect : RecordConverter.Dialect);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        string lineEnd = "LF";
        while (await reader.ReadAsync(stop))
        {
            if (reader.BytesBefore == 0) lineEnd = LineEndOf(reader.Block.Span[..reader.EndAfter(0)]);
            (RecordBlock rows, int from, int to) = file.Rows(reader, file.FirstRow(reader), reader.Block.Length, Unconverted);
            ReadRows(rows, from, to, fields, columns);
            await PlaceAsync(columns, session, QuestionSize, stop);
            Progress?.Invoke(new ImportProgress(source.Name, _rows, input.BytesRead, input.Length, clock.Elapsed));
        }
        await PlaceAsync(columns, session, 1, stop);
        return lineEnd;
    }

    private void ReadRows(RecordBlock rows, int start, int to, CsvFields fields, ColumnProfiler[] columns)
    {
        for (int end; start < to; start = end)
        {
            end = rows.EndAfter(start);
            var place = new RecordPlace(rows, end);
            _rows++;
            (int count, int at) = (0, start);
            for (; fields.TryNext(rows.Block.Span, rows.Delimiters, ref at, end, out ReadOnlySpan<byte> text, out bool isNull); count++)
            {
                if (count >= columns.Length) continue;
                ColumnProfiler column = columns[count];
                if (!isNull) column.Add(text, place);
                else
                {
                    column.AddNull(place);
                    if (column.Target is { IsNotNull: true } || (column.Target is not null && column.Name == _key))
                        Refuse(place.Line, column.Name, null, "is NULL, which the column may not be");
                }
            }
            if (count != columns.Length) Refuse(place.Line, null, null, $"has {count} field(s); {columns.Length} are expected");
        }
    }

    private void Unconverted(UnconvertedRecord record)
    {
        _rows++;
        Refuse(record.Row.Line ?? 0, record.Row.Column, record.Row.Value, record.Row.Reason);
    }

    private void Refuse(long line, string? column, string? value, string reason)
    {
        _problemCount++;
        if (_problems.Count < ProblemsKept) _problems.Add(new CsvProblem(line, column, value, reason));
    }

    /// <summary>Asks the server for the hashes that it alone knows, once there are enough of them.</summary>
    private async Task PlaceAsync(ColumnProfiler[] columns, NpgsqlConnection? session, int atLeast, CancellationToken stop)
    {
        foreach (ColumnProfiler column in columns)
        {
            if (column.Unhashed.Count < atLeast || session is null) continue;
            (string[] values, long[] rows) = ([.. column.Unhashed.Keys], [.. column.Unhashed.Values]);
            ValueReply[] replies = await new ValueQuestion(session, column.Target!).HashesAsync(values, stop);
            for (int i = 0; i < values.Length; i++)
                if (replies[i].Refusal is null) column.Place(replies[i].Number, rows[i]);
            column.Unhashed.Clear();
        }
    }

    private async Task<CsvProfile> FinishAsync(
        CsvInput input, CsvDialect dialect, string lineEnd, ColumnProfiler[] columns, string? key, ShardMap? shards,
        NpgsqlConnection? session, CancellationToken stop)
    {
        var profiles = new List<CsvColumn>();
        foreach (ColumnProfiler column in columns)
        {
            long? unconvertible = column.Target is null || session is null || Rows ? null : await CheckAsync(column, session, stop);
            CsvColumn profile = column.Profile(unconvertible);
            profiles.Add(profile);
            if (column.Target is not null) continue;
            _problemCount += profile.Unconvertible;
            _problems.AddRange(column.Misfits());
            if (column.Name != key || column.Nulls == 0) continue;
            Refuse(column.FirstNull, key, null, $"is NULL in {column.Nulls} row(s), which a distribution column may not be");
            _problemCount += column.Nulls - 1;
        }
        if (EveryColumn) RowsByShard = columns.Zip(profiles).ToDictionary(c => c.First.Name, c => c.First.Rows(c.Second.Type));
        return new CsvProfile
        {
            Source = source.Name,
            Bytes = input.BytesRead,
            Rows = _rows,
            Dialect = dialect,
            Encoding = input.EncodingName,
            LineEnd = lineEnd,
            IsCompressed = input.IsCompressed,
            Columns = profiles,
            Distribution = key is null || shards is null ? null
                : Predict(columns.First(c => c.Name == key), profiles.First(c => c.Name == key), shards),
            ProblemCount = _problemCount,
            Problems = [.. _problems.OrderBy(p => p.Line).Take(ProblemsKept)],
        };
    }

    /// <summary>Has the server say which of the doubtful values are of the table's type.</summary>
    private async Task<long> CheckAsync(ColumnProfiler column, NpgsqlConnection session, CancellationToken stop)
    {
        string[] values = [.. column.Doubts.Keys];
        ValueReply[] replies = await new ValueQuestion(session, column.Target!).ChecksAsync(values, stop);
        long count = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (replies[i].Refusal is not { } refusal) continue;
            (long rows, long line) = column.Doubts[values[i]];
            Refuse(line, column.Name, values[i], refusal.MessageText);
            (count, _problemCount) = (count + rows, _problemCount + rows - 1);
        }
        // Of more values than can be asked about, as many will be refused as of those that were.
        if (column.DoubtsLeft > 0 && replies.Count(r => r.Refusal is not null) * 2 > replies.Length)
            (count, _problemCount) = (count + column.DoubtsLeft, _problemCount + column.DoubtsLeft);
        return count;
    }

    private CsvDistribution Predict(ColumnProfiler column, CsvColumn profile, ShardMap shards)
    {
        long[] rows = column.Rows(profile.Type);
        Spread spread = Spread.Of(rows);
        var loads = shards.Shards.Select((s, i) => new ShardLoad(s.ShardId, s.HashMin, s.HashMax, s.NodeName, s.NodePort, rows[i],
            spread.Total == 0 ? 0 : Math.Round((double)rows[i] / spread.Total, 4),
            spread.Mean == 0 ? 0 : Math.Round(rows[i] / spread.Mean, 4))).ToList();
        var groups = loads.Where(l => l.NodeName.Length > 0).GroupBy(l => (l.NodeName, l.NodePort)).OrderBy(g => g.Key).ToList();
        Spread nodes = Spread.Of([.. groups.Select(g => g.Sum(l => l.Amount))]);
        return new CsvDistribution(column.Name, profile.TableType ?? profile.Type, spread.Parts, spread.Smallest, spread.Largest,
            spread.Mean, spread.MaxToMean, spread.Variation,
            nodes.MaxToMean, SkewJudge.VerdictOf(spread.MaxToMean, nodes.MaxToMean), profile.HeaviestValues, loads,
            [.. groups.Select(g => new NodeLoad(g.Key.NodeName, g.Key.NodePort, g.Count(), g.Sum(l => l.Amount),
                nodes.Total == 0 ? 0 : Math.Round((double)g.Sum(l => l.Amount) / nodes.Total, 4),
                nodes.Mean == 0 ? 0 : Math.Round(g.Sum(l => l.Amount) / nodes.Mean, 4)))]);
    }

    private static string LineEndOf(ReadOnlySpan<byte> record) =>
        record.EndsWith("\r\n"u8) ? "CRLF" : record.Length > 0 && record[^1] == '\r' ? "CR" : "LF";
}
