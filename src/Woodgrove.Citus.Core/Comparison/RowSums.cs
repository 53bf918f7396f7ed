using System.Globalization;

namespace Woodgrove.Citus.Comparison;

/// <summary>The sums of all rows of one side, by group.</summary>
internal sealed class RowSums
{
    private readonly RowSum[] _groups = new RowSum[RowQueries.Groups];

    public long Rows => _groups.Sum(g => g.Rows);

    /// <summary>Rows that are in the wrong shard.</summary>
    public long Misplaced { get; private set; }

    public RowSum this[int group] => _groups[group];

    public static async Task<RowSums> ReadAsync(ComparedRows rows, RowQueries queries, Action partRead, CancellationToken stop)
    {
        var sums = new RowSums();
        await rows.ReadAsync(queries.Sums, row =>
        {
            sums._groups[row.GetInt32(0)] += new RowSum(row.GetInt64(1), Sum(row.GetString(2)), Sum(row.GetString(3)));
            sums.Misplaced += row.GetInt64(4);
        }, partRead, stop);
        return sums;

        static Int128 Sum(string text) => Int128.Parse(text, CultureInfo.InvariantCulture);
    }

    /// <summary>The groups in which two sides differ.</summary>
    public IEnumerable<int> DifferingFrom(RowSums other) => Enumerable.Range(0, RowQueries.Groups).Where(g => this[g] != other[g]);
}
