namespace Woodgrove.Citus.Comparison;

/// <summary>Finds which rows differ, in the groups whose sums do.</summary>
/// <param name="limit">How many are wanted.</param>
internal sealed class RowDifferences(ComparedRows source, ComparedRows target, ComparedColumns columns, RowQueries queries, int limit)
{
    /// <summary>Hashes and keys of that many rows are read at once, or those of one group.</summary>
    private const long RowsAtOnce = 400_000;

    private readonly SortedSet<string> _keys = new(StringComparer.Ordinal);
    private readonly HashSet<long> _hashes = []; // of a table without a key

    private int Found => columns.Key.Count > 0 ? _keys.Count : _hashes.Count;

    /// <returns>The differences, and whether there are more.</returns>
    public async Task<(List<TableDifference> Differences, bool HasMore)> FindAsync(RowSums from, RowSums to, CancellationToken stop)
    {
        if (limit == 0) return ([], true);
        var groups = new Queue<int>(from.DifferingFrom(to));
        while (groups.Count > 0 && Found <= limit)
        {
            var some = new List<int>();
            long rows = 0;
            while (groups.TryPeek(out int group) && (some.Count == 0 || rows + from[group].Rows + to[group].Rows <= RowsAtOnce))
            {
                rows += from[group].Rows + to[group].Rows;
                some.Add(groups.Dequeue());
            }
            await ReadGroupsAsync(some, stop);
        }
        bool hasMore = Found > limit || groups.Count > 0;
        List<TableDifference> differences = Found == 0 ? [] : await ReadRowsAsync(stop);
        return ([.. differences.Take(limit)], hasMore || differences.Count > limit);
    }

    /// <summary>Rows of a wrong shard.</summary>
    public static async Task<IEnumerable<TableDifference>> MisplacedAsync(ComparedRows side, ComparedColumns columns, RowQueries queries,
        TableDifferenceKind kind, int limit, CancellationToken stop)
    {
        var keys = new List<string>();
        await side.ReadAsync(part => queries.Misplaced(part, limit), row => keys.Add(row.GetString(0)), () => { }, stop);
        bool isSource = kind == TableDifferenceKind.MisplacedInSource;
        return keys.Order(StringComparer.Ordinal).Take(limit).Select(k => new TableDifference(side.Table.Info.Name.ToString(), kind,
            columns.Show(k), [], isSource ? 1 : 0, isSource ? 0 : 1));
    }

    /// <summary>Adds the keys of the rows that one side has more often than the other.</summary>
    private async Task ReadGroupsAsync(IReadOnlyList<int> groups, CancellationToken stop)
    {
        var surplus = new Dictionary<(long, long), (int Count, string? Key)>();
        await Both.RunAsync((side, all) => (side ? source : target).ReadAsync(part => queries.Hashes(part, groups), row =>
        {
            var hashes = (row.GetInt64(0), row.GetInt64(1));
            string? key = row.IsDBNull(2) ? null : row.GetString(2);
            lock (surplus)
            {
                int count = surplus.GetValueOrDefault(hashes).Count + (side ? 1 : -1);
                if (count == 0) surplus.Remove(hashes);
                else surplus[hashes] = (count, key);
            }
        }, () => { }, all), stop);
        foreach (((long hash, long _), (int _, string? key)) in surplus)
        {
            if (key is not null) _keys.Add(key);
            else _hashes.Add(hash);
        }
    }

    private async Task<List<TableDifference>> ReadRowsAsync(CancellationToken stop)
    {
        object wanted = columns.Key.Count > 0 ? _keys.Take(limit).ToArray() : _hashes.Take(limit).ToArray();
        // By key; of a table without one, by the whole row.
        var found =
            new SortedDictionary<string, (Dictionary<string, long> Source, Dictionary<string, long> Target)>(StringComparer.Ordinal);
        await Both.RunAsync((side, all) => (side ? source : target).ReadAsync(queries.Wanted, row =>
        {
            (string text, long count) = (row.GetString(1), row.GetInt64(2));
            string key = row.IsDBNull(0) ? text : row.GetString(0);
            lock (found)
            {
                if (!found.TryGetValue(key, out var rows)) found[key] = rows = ([], []);
                Dictionary<string, long> mine = side ? rows.Source : rows.Target;
                mine[text] = mine.GetValueOrDefault(text) + count;
            }
        }, () => { }, all, wanted), stop);
        return [.. found.SelectMany(f => Of(f.Key, f.Value.Source, f.Value.Target))];
    }

    /// <summary>What rows of one key differ in: those that are the same on both sides aside, a row on each side is a pair.</summary>
    private IEnumerable<TableDifference> Of(string key, Dictionary<string, long> from, Dictionary<string, long> to)
    {
        (long sourceRows, long targetRows) = (from.Values.Sum(), to.Values.Sum());
        Queue<string> mine = Surplus(from, to), others = Surplus(to, from);
        while (mine.Count > 0 && others.Count > 0)
            yield return Difference(TableDifferenceKind.Different, columns.Between(mine.Dequeue(), others.Dequeue()));
        if (mine.Count > 0) yield return Difference(TableDifferenceKind.OnlyInSource, []);
        if (others.Count > 0) yield return Difference(TableDifferenceKind.OnlyInTarget, []);

        TableDifference Difference(TableDifferenceKind kind, IReadOnlyList<ValueDifference> values) =>
            new(source.Table.Info.Name.ToString(), kind, columns.Show(key), [.. values], sourceRows, targetRows);

        static Queue<string> Surplus(Dictionary<string, long> one, Dictionary<string, long> other) =>
            new(one.Where(r => r.Value > other.GetValueOrDefault(r.Key)).Select(r => r.Key).Order(StringComparer.Ordinal));
    }
}
