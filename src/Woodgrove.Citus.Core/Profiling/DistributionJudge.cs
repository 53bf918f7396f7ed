using System.Globalization;
using Woodgrove.Citus.Shards;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Profiling;

/// <summary>Weighs what is known of a column to distribute by.</summary>
internal static class DistributionJudge
{
    /// <summary>What a unique key without the column counts against it.</summary>
    public const double KeyToWiden = 4;

    /// <summary>Ranks the columns of a table or file, the best first.</summary>
    /// <param name="evidence">What the catalogs say of each column; empty for a file.</param>
    public static IReadOnlyList<DistributionCandidate> Rank(
        string table, CsvProfile profile, IReadOnlyDictionary<string, long[]> rowsByShard,
        IReadOnlyDictionary<string, ColumnEvidence> evidence, int shardCount)
    {
        long uses = evidence.Values.Sum(e => e.Uses ?? 0);
        var ranked = profile.Columns
            .Select(c => Weigh(table, profile.Rows, c, rowsByShard[c.Name], evidence.GetValueOrDefault(c.Name), uses, shardCount))
            .OrderBy(c => c.Verdict == CandidateVerdict.Unsuitable).ThenByDescending(c => c.Score).ToList();
        return [.. ranked.Select((c, i) => c with
        {
            Rank = i + 1,
            Verdict = i == 0 && c.Verdict == CandidateVerdict.Possible ? CandidateVerdict.Recommended : c.Verdict,
        })];
    }

    private static DistributionCandidate Weigh(string table, long rows, CsvColumn column, long[] byShard, ColumnEvidence? facts, long uses,
        int shardCount)
    {
        var case_ = new Case();
        double spread = Spread.Of(byShard).MaxToMean;
        string type = column.TableType ?? column.Type;
        Data(case_, rows, column, spread, shardCount, type);
        if (facts is not null) Catalog(case_, facts, uses);
        return new DistributionCandidate
        {
            Table = table,
            Column = column.Name,
            Type = type,
            Verdict = case_.IsHopeless ? CandidateVerdict.Unsuitable : CandidateVerdict.Possible,
            Reason = case_.Reason,
            Evidence = case_.Evidence.ToListing(),
            RowsRead = rows,
            DistinctValues = column.DistinctValues,
            IsDistinctEstimate = column.IsDistinctEstimate,
            NullShare = rows == 0 ? 0 : Math.Round((double)column.Nulls / rows, 6),
            HeaviestValues = column.HeaviestValues,
            ShardCount = shardCount,
            PredictedMaxToMean = spread,
            IsInEveryKey = facts?.IsInEveryKey,
            RelatedTables = facts is null ? [] : [.. facts.Related.Select(r => r.Table)],
            Uses = facts?.Uses,
            Score = Math.Round(case_.Score, 2),
        };
    }

    private static void Data(Case case_, long rows, CsvColumn column, double spread, int shardCount, string type)
    {
        double heaviest = column.HeaviestValues.FirstOrDefault()?.Share ?? 0;
        if (column.Nulls > 0) case_.Against(Text($"NULL in {column.Nulls:N0} rows, which a distribution column may not be"));
        if (rows > 0 && column.DistinctValues < Math.Min(shardCount * 4, rows))
            case_.Against(Text($"only {column.DistinctValues:N0} distinct {(column.DistinctValues == 1 ? "value" : "values")} for {shardCount} shards"));
        if (heaviest > 0.5) case_.Against(Text($"one value, {column.HeaviestValues[0].Value}, has {heaviest * 100:0.#}% of the rows"));
        if (type is "boolean" or "json" or "jsonb" or "real" or "double precision") case_.Against($"{type} is no type to look rows up by");

        bool unique = rows > 1 && column.DistinctValues >= rows * 0.95 && column.HeaviestValues.Count == 0
            || column.DistinctValues >= rows * 0.98;
        if (unique)
            case_.Add(-3, "almost every row has a value of its own: it names rows, and keeps none that belong together on one node");
        else case_.Add(1, Text($"{(column.IsDistinctEstimate ? "about " : "")}{rows / (double)Math.Max(1, column.DistinctValues):0.#} rows a value on average, which belong together"));
        // Each further power of ten makes it finer how rows can be spread, moved and isolated.
        case_.Add(Math.Clamp(Math.Log10(Math.Max(1, column.DistinctValues) / (double)shardCount), 0, 3),
            Text($"{(column.IsDistinctEstimate ? "about " : "")}{column.DistinctValues:N0} distinct values"));
        if (type.StartsWith("timestamp", StringComparison.Ordinal) || type == "date")
            case_.Add(-4, "a time: queries ask for ranges of it, which the hash spreads over all shards");
        // What one heavy value adds to its shard goes once it is isolated.
        bool oneValue = heaviest * shardCount >= 1 && heaviest * shardCount >= spread - 1.5;
        case_.Add(spread <= 1.3 ? 2 : spread <= 2 ? 1.5 : spread <= 3 || oneValue ? 1 : -1,
            Text($"the largest of {shardCount} shards would have {spread:0.00} times the mean"));
        if (heaviest * shardCount >= 1 && heaviest <= 0.5)
            case_.Add(0, Text($"the heaviest value, {column.HeaviestValues[0].Value}, has {heaviest * 100:0.#}% of the rows, more than a mean shard: it can be isolated"));
        if (type is "text" && column.LongestLength > 100) case_.Add(-2, Text($"texts of up to {column.LongestLength} characters"));
    }

    private static void Catalog(Case case_, ColumnEvidence facts, long uses)
    {
        if (!facts.CanHash) case_.Against($"{facts.Type} has no hash");
        if (facts.IsInEveryKey == false) case_.Add(-KeyToWiden, "a unique key does not hold it and would have to be widened");
        RelatedTable[] others = [.. facts.Related.Where(r => !r.IsReference)];
        RelatedTable[] byIt = [.. others.Where(r => r.ByIt)], keys = [.. others.Where(r => r.IsForeignKey)];
        if (byIt.Length > 0)
            case_.Add(4, $"{List(byIt)} {(byIt.Length == 1 ? "is" : "are")} distributed by it: "
                + $"joins and transactions with {(byIt.Length == 1 ? "it" : "them")} would stay on each node");
        if (others.Length > byIt.Length)
            case_.Add(Math.Min(4, 2 * (others.Length - byIt.Length)),
                $"{List([.. others.Except(byIt)])} {(others.Length - byIt.Length == 1 ? "has" : "have")} a column of its name and type, "
                    + "and could be colocated");
        if (keys.Length > 0) case_.Add(2, $"a foreign key ties it to {List(keys)}");
        RelatedTable[] references = [.. facts.Related.Where(r => r.IsReference)];
        if (references.Length > 0)
            case_.Add(0, $"{List(references)}, which joins by it, is on every node and asks nothing of this table's distribution");
        if (facts.Uses is > 0)
            case_.Add(3.0 * facts.Uses.Value / uses, Text($"{facts.Uses:N0} calls of recent statements filter or join by it"));
    }

    private static string List(RelatedTable[] tables) =>
        string.Join(", ", tables.Take(3).Select(t => t.Table)) + (tables.Length > 3 ? $" and {tables.Length - 3} more" : "");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed class Case
    {
        private readonly List<(double Weight, string Text)> _points = [];

        public bool IsHopeless { get; private set; }
        public double Score => _points.Sum(p => p.Weight);
        public IReadOnlyList<string> Evidence => [.. _points.OrderByDescending(p => Math.Abs(p.Weight)).Select(p => p.Text)];

        /// <summary>What decided: against, where it is hopeless; else the two weightiest.</summary>
        public string Reason => string.Join("; ", Evidence.Take(IsHopeless ? 1 : 2));

        public void Add(double weight, string text) => _points.Add((weight, text));

        public void Against(string text)
        {
            IsHopeless = true;
            _points.Add((-100, text));
        }
    }
}
