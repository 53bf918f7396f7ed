using System.Text;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Import;
using Woodgrove.Citus.Ingest.Mapping;
using Woodgrove.Citus.Ingest.Rejects;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Profiling;

/// <summary>Reads a CSV once, in memory that does not grow with it, and says what it holds and what a load would refuse.</summary>
public sealed class CsvProfiler(CsvSource source)
{
    private const int ProblemsKept = 20, QuestionSize = 5000;

    private readonly List<CsvProblem> _problems = [];
    private readonly Dictionary<string, long> _unfit = []; // values that are not of their column's type
    private string? _untried;
    private long _problemCount, _rows;

    public CsvDialect Dialect { get; init; } = new();

    /// <summary>
    /// Without a table: takes another delimiter than the dialect's where the first line is one field with it and
    /// several with the other.
    /// </summary>
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
        if (Table is null && Shape.NeedsTable) throw ProfileErrors.NoTableNamed();
        await using NpgsqlConnection? session = Connection is null || Table is null ? null : await Connection.OpenSessionAsync(stop);
        TableInfo? table = session is null ? null : await TableCatalog.FindAsync(Connection!, session, Table!.Value, stop);
        CsvDialect asked = await DialectAsync(table, stop);
        (CsvInput opened, CsvDialect dialect) = await CsvPreamble.OpenAsync(source, asked, Rows ? null : table, Shape, Warn, stop);
        await using CsvInput input = opened;
        IReadOnlyList<BoundColumn>? bound = table is null ? null
            : Rows ? [.. Shape.Fields!.Select((c, i) => new BoundColumn(table.FindColumn(c)!, i, c))]
            : ColumnBinding.Bind(input, dialect, table, Shape);
        var file = new CsvFile(source, dialect,
            bound is null ? null : RecordConverter.For(source, dialect, ColumnBinding.FieldCount(input, dialect, Shape), bound, Shape),
            // Without a server, it may be one before PostgreSQL 18.
            DotEndsData: !Rows && session?.PostgreSqlVersion.Major is not >= 18);
        TableColumn[]? targets = bound?.Select(b => b.Column).ToArray();
        string[] names = targets?.Select(t => t.Name).ToArray() ?? Names(input, dialect);
        string? key = KeyOf(names, table);
        ShardMap? shards = await ShardsAsync(session, table, key, stop);
        ColumnProfiler[] columns = [.. names.Select((n, i) => new ColumnProfiler(n, targets?[i], EveryColumn || n == key ? shards : null))];
        if (table is null && dialect.SkipLines > asked.SkipLines)
            Refuse(asked.SkipLines + 1, null, null, ProfileErrors.ExcelsLine);
        await using TableTrial? trial = table is null || Rows ? null
            : await TryOpenAsync(new CopyTarget(table, targets!, file.Converter is null ? dialect : RecordConverter.Dialect), stop);
        string lineEnd = await ReadAsync(new SourceCursor(file, input), columns, trial, session, stop);
        if (trial?.IsPartial is true) Warn?.Invoke(
                $"{source}: {_problemCount} rows would be refused so far, so the rest of the file was not tried against {table!.Display}.");
        CsvProfile profile = Finish(input, dialect, lineEnd, columns, key, shards);
        if (_untried is not null) return profile with { Unchecked = [_untried] };
        return trial is null ? profile
            : profile with { IsProblemCountPartial = trial.IsPartial, Unchecked = (await trial.UncheckedAsync(stop)).ToListing() };
    }

    /// <summary>The trial of the rows, or null where the role may not try them.</summary>
    private async Task<TableTrial?> TryOpenAsync(CopyTarget target, CancellationToken stop)
    {
        try
        {
            return await TableTrial.OpenAsync(Connection!, target, source, Refuse, stop);
        }
        catch (PostgresException e)
            when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.ReadOnlySqlTransaction)
        {
            _untried = "all that the table's columns and constraints refuse: trying rows takes SELECT on the table and a temporary "
                + $"table ({e.MessageText})";
            return null;
        }
    }

    private async Task<CsvDialect> DialectAsync(TableInfo? table, CancellationToken stop)
    {
        CsvDialect dialect = Dialect.Checked();
        if (!DetectDelimiter || table is not null) return dialect; // a load takes the delimiter that it is given
        await using CsvInput input = await CsvInput.OpenAsync(source, dialect, stop);
        if (input.FirstRecord.Count > 1) return dialect;
        char best = ";\t|".MaxBy(c => input.FirstLine.Count(x => x == c));
        return input.FirstLine.Contains(best) ? dialect with { Delimiter = best } : dialect;
    }

    private string[] Names(CsvInput input, CsvDialect dialect)
    {
        if (Shape.Fields is { Count: > 0 } fields && fields.Count != input.FirstRecord.Count)
            throw ProfileErrors.WrongCount(source, input.FirstRecord.Count, fields.Count);
        string[] names = Shape.Fields is { Count: > 0 } ? [.. Shape.Fields]
            : dialect.HasHeader ? [.. input.FirstRecord.Select(n => n.Trim())]
            : [.. input.FirstRecord.Select((_, i) => $"column{i + 1}")];
        if (dialect.HasHeader && input.FirstRecord.Any(f => ValueKinds.Of(Encoding.UTF8.GetBytes(f),
            out _) is not (ValueKind.Text or ValueKind.Boolean)))
            Warn?.Invoke(ProfileErrors.LooksLikeData(input.FirstLine));
        return names;
    }

    private string? KeyOf(string[] names, TableInfo? table)
    {
        string? asked = Rows ? null : DistributionColumn ?? (table?.Kind == TableKind.Distributed ? table.DistributionColumn : null);
        return asked is null ? null : Array.Find(names, n => string.Equals(n, asked, StringComparison.OrdinalIgnoreCase))
            ?? throw ProfileErrors.NoColumn(source, asked, names);
    }

    private async Task<ShardMap?> ShardsAsync(NpgsqlConnection? session, TableInfo? table, string? key, CancellationToken stop)
    {
        if (key is null && !EveryColumn) return null;
        if (session is null || table?.Kind != TableKind.Distributed || table.DistributionColumn != key) return ShardMap.Equal(ShardCount);
        return (await ShardResolver.OpenAsync(session, table, stop)).Shards;
    }

    private async Task<string> ReadAsync(
        SourceCursor source, ColumnProfiler[] columns, TableTrial? trial, NpgsqlConnection? session, CancellationToken stop)
    {
        CsvDialect dialect = source.File.Dialect;
        var fields = new CsvFields(source.File.Converter is null ? dialect : RecordConverter.Dialect);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var bounds = new List<RecordBounds>();
        while (await source.ReadAsync(stop))
        {
            (RecordBlock rows, int from, int to) = source.Rows(Unconverted);
            ReadRows(rows, from, to, fields, columns, trial is not null);
            if (trial is not null)
            {
                rows.BoundsOf(from, to, bounds);
                await trial.AddAsync(rows.Block, from, bounds, stop);
            }
            await PlaceAsync(columns, session, QuestionSize, stop);
            Progress?.Invoke(new ImportProgress(source.File.Source.Name, _rows, source.Input.BytesRead, source.Input.Length, clock.Elapsed));
            if (!source.IsCutOff) continue;
            CsvRecordReader block = source.Block;
            long line = block.LineAt(source.To + 1);
            if (block.EndAfter(source.To) < block.Block.Length || await block.ReadAsync(stop))
                Refuse(line, null, "\\.", "ends the data for servers before PostgreSQL 18, as it does for psql: "
                    + "what follows is not loaded");
        }
        if (_rows == 0 && !Rows)
            Refuse(dialect.SkipLines + 1, null, null,
                $"the file has {(dialect.HasHeader ? "a header and " : "")}no rows, which a load refuses");
        if (trial is not null) await trial.FlushAsync(stop);
        await PlaceAsync(columns, session, 1, stop);
        return source.Block.LineEnd;
    }

    private void ReadRows(RecordBlock rows, int start, int to, CsvFields fields, ColumnProfiler[] columns, bool hasTrial)
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
                else column.AddNull(place);
            }
            if (!hasTrial && count != columns.Length)
                Refuse(place.Line, null, null, $"has {count} field(s); {columns.Length} are expected");
        }
    }

    private void Unconverted(UnconvertedRecord record)
    {
        _rows++;
        Refuse(record.Row);
    }

    private void Refuse(RefusedRow row)
    {
        if (row is { Column: { } column, SqlState: ['2', '2', ..] }) _unfit[column] = _unfit.GetValueOrDefault(column) + 1;
        Refuse(row.Line ?? 0, row.Column, row.Value, row.Reason);
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

    private CsvProfile Finish(CsvInput input, CsvDialect dialect, string lineEnd, ColumnProfiler[] columns, string? key, ShardMap? shards)
    {
        var profiles = new List<CsvColumn>();
        foreach (ColumnProfiler column in columns)
        {
            CsvColumn profile = column.Profile(column.Target is null || Rows ? null : _unfit.GetValueOrDefault(column.Name));
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
}
