using System.Text;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Profiling;

/// <summary>Gathers what is to be known of one column, a value at a time.</summary>
/// <param name="target">The table's column, where a table was named.</param>
/// <param name="shards">The shards to count rows for, or null.</param>
internal sealed class ColumnProfiler(string name, TableColumn? target, ShardMap? shards)
{
    private const int ExamplesKept = 5, LongestShown = 60;

    private readonly long[] _kinds = new long[Enum.GetValues<ValueKind>().Length];
    private readonly List<(long Line, string Value)>[] _examples = [.. Enum.GetValues<ValueKind>().Select(_ => new List<(long, string)>())];
    private readonly ValueSketch _sketch = new();
    private readonly ValueHasher? _hasher = target is null || shards is null ? null : ValueHasher.For(target);
    private readonly long[] _asKind = new long[shards?.Shards.Count ?? 0], _asText = new long[shards?.Shards.Count ?? 0];
    private long _nulls, _values;
    private int _longest = -1;
    private string _longestText = "";

    public string Name => name;
    public TableColumn? Target => target;
    public long Nulls => _nulls;
    public long Values => _values;

    /// <summary>Values whose hash only the server knows, with their rows.</summary>
    public Dictionary<string, long> Unhashed { get; } = [];

    /// <summary>The line of the first NULL, or 0.</summary>
    public long FirstNull { get; private set; }

    public void AddNull(RecordPlace place)
    {
        if (_nulls++ == 0) FirstNull = place.Line;
    }

    public void Add(ReadOnlySpan<byte> text, RecordPlace place)
    {
        _values++;
        ValueKind kind = ValueKinds.Of(text, out int hash);
        if (_kinds[(int)kind]++ < ExamplesKept) _examples[(int)kind].Add((place.Line, Shown(text)));
        if (text.Length > _longest) Measure(text);
        _sketch.Add(text);
        if (shards is not null) Count(text, kind, hash);
    }

    /// <summary>Tells where rows of a value lie that only the server could hash.</summary>
    public void Place(int hash, long rows) => _asKind[shards!.Find(hash)] += rows;

    /// <summary>Rows by shard, of the column as one of its type.</summary>
    public long[] Rows(string type) => target is not null || ValueKinds.HasOwnHash(type) ? _asKind : _asText;

    public (string Type, ValueKind[] Takes) Infer() => ValueKinds.Infer(_kinds);

    /// <param name="unconvertible">Of the table's type, where a table was named.</param>
    public CsvColumn Profile(long? unconvertible)
    {
        (string type, ValueKind[] takes) = Infer();
        long others = 0;
        for (int kind = 0; kind < _kinds.Length; kind++) others += takes.Contains((ValueKind)kind) ? 0 : _kinds[kind];
        return new CsvColumn(name, type, target?.TypeName, _values, _nulls, _sketch.Distinct, _sketch.IsEstimate, Math.Max(0, _longest),
            _longestText, unconvertible ?? others, _sketch.Heaviest(5).ToListing());
    }

    /// <summary>The first values that are not of the type that most are of.</summary>
    public IEnumerable<CsvProblem> Misfits()
    {
        (string type, ValueKind[] takes) = Infer();
        for (int kind = 0; kind < _kinds.Length; kind++)
        {
            if (takes.Contains((ValueKind)kind)) continue;
            foreach ((long line, string value) in _examples[kind]) yield return new CsvProblem(line, name, value,
                $"is no {type}, as {(double)(_values - _kinds[kind]) / _values:P1} of the values are");
        }
    }

    private void Count(ReadOnlySpan<byte> text, ValueKind kind, int hash)
    {
        if (target is null)
        {
            _asText[shards!.Find(PostgresHash.Bytes(text))]++;
            if (kind is ValueKind.Integer or ValueKind.Uuid or ValueKind.Date or ValueKind.Timestamp or ValueKind.TimestampTz)
                _asKind[shards.Find(hash)]++;
        }
        else if (_hasher is not null && _hasher.TryHash(text, out int known)) _asKind[shards!.Find(known)]++;
        else
        {
            string value = Encoding.UTF8.GetString(text);
            Unhashed[value] = Unhashed.GetValueOrDefault(value) + 1;
        }
    }

    private void Measure(ReadOnlySpan<byte> text)
    {
        int length = Encoding.UTF8.GetCharCount(text);
        if (length <= _longest) return;
        (_longest, _longestText) = (length, Shown(text));
    }

    private static string Shown(ReadOnlySpan<byte> text)
    {
        string value = Encoding.UTF8.GetString(text.Length > LongestShown * 4 ? text[..(LongestShown * 4)] : text);
        return value.Length > LongestShown ? value[..LongestShown] + "…" : value;
    }
}
