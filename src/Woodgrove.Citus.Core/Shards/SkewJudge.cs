using System.Globalization;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Shards;

/// <summary>Says what a table's figures mean and what would help, with the figures to expect from it.</summary>
internal sealed class SkewJudge
{
    /// <summary>Below this, pages and empty indexes make most of a shard's size.</summary>
    private const long TellingBytes = 1024 * 1024;

    /// <summary>Up to this many times the mean, a shard is even.</summary>
    private const double EvenShard = 1.3;

    /// <summary>A value of less than this part of a mean shard is not worth a shard of its own.</summary>
    private const double WorthAShard = 0.2;

    private readonly SkewFacts _facts;
    private readonly SkewMeasure _by;
    private readonly Dictionary<long, long> _amounts;
    private readonly Spread _shards, _nodes;
    private readonly KeyFacts? _keys;

    private SkewJudge(SkewFacts facts, SkewMeasure by)
    {
        (_facts, _by) = (facts, by);
        _amounts = facts.Shards.ToDictionary(s => s.ShardId,
            s => by == SkewMeasure.Bytes ? s.Bytes : (long)(facts.Keys.GetValueOrDefault(s.ShardId)?.Rows ?? 0));
        _shards = Spread.Of(_amounts.Values);
        _nodes = Spread.Of([.. PerNode(s => (s.NodeName, s.NodePort)).Values]);
        _keys = KeyFacts.Of([.. facts.Keys.Values]);
    }

    public static SkewVerdict VerdictOf(double shardMaxToMean, double nodeMaxToMean) =>
        shardMaxToMean > 2 || nodeMaxToMean > 1.5 ? SkewVerdict.Skewed
        : shardMaxToMean > 1.3 || nodeMaxToMean > 1.15 ? SkewVerdict.Uneven
        : SkewVerdict.Balanced;

    public static ShardSkew Judge(SkewFacts facts, SkewMeasure by) => new SkewJudge(facts, by).Judge();

    private ShardSkew Judge()
    {
        (SkewVerdict verdict, SkewAdvice advice) = Decide();
        Dictionary<(string Name, int Port), long> perNode = PerNode(s => (s.NodeName, s.NodePort));
        return new ShardSkew
        {
            Table = _facts.Table,
            DistributionColumn = _facts.Column,
            By = _by,
            ShardCount = _shards.Parts,
            Total = _shards.Total,
            Smallest = _shards.Smallest,
            Largest = _shards.Largest,
            Mean = _shards.Mean,
            MaxToMean = _shards.MaxToMean,
            Variation = _shards.Variation,
            ExpectedMaxToMean = Expected,
            DistinctValues = _keys is null ? null : (long)_keys.Distinct,
            HeaviestValues = _keys?.Heaviest.ToListing() ?? [],
            NodeMaxToMean = _nodes.MaxToMean,
            NodeVariation = _nodes.Variation,
            Nodes = [.. perNode.OrderBy(n => n.Key).Select(n => new NodeLoad(n.Key.Name, n.Key.Port,
                _facts.Shards.Count(s => (s.NodeName, s.NodePort) == n.Key || s.Copies.Contains(n.Key)), n.Value,
                Share(n.Value, _nodes.Total), Share(n.Value, _nodes.Mean)))],
            Shards = [.. _facts.Shards.Select(s => new ShardLoad(s.ShardId, s.HashMin, s.HashMax, s.NodeName, s.NodePort,
                _amounts[s.ShardId],
                Share(_amounts[s.ShardId], _shards.Total), Share(_amounts[s.ShardId], _shards.Mean)))],
            Verdict = verdict,
            Recommendation = advice.Action,
            Reason = advice.Reason,
            Fix = advice.Fix,
            PredictedMaxToMean = advice.Shards,
            PredictedNodeMaxToMean = advice.Nodes,
        };
    }

    private double? Expected =>
        _keys is null ? null : Spread.ExpectedMaxToMean(_shards.Parts, _keys.EffectiveValues, _keys.Heaviest.FirstOrDefault()?.Share ?? 0);

    private string Unit => _by == SkewMeasure.Bytes ? "bytes" : "rows";

    private (SkewVerdict, SkewAdvice) Decide()
    {
        if (_shards.Total == 0) return (SkewVerdict.Balanced, new(SkewAction.None, "The table is empty."));
        if (_by == SkewMeasure.Bytes && _shards.Largest < TellingBytes)
            return (SkewVerdict.Balanced,
                new(SkewAction.None, Text(
                    $"The largest shard has {_shards.Largest:N0} bytes: too few to tell anything by sizes. {SkewAdvice.ByRows}")));

        SkewVerdict verdict = VerdictOf(_shards.MaxToMean, _nodes.MaxToMean);
        SkewAdvice advice = verdict == SkewVerdict.Balanced
            ? new(SkewAction.None, Text(
                $"The largest shard has {_shards.MaxToMean:0.00} times the mean, the fullest node {_nodes.MaxToMean:0.00} times."))
            : OtherColumn() ?? IsolateTenant() ?? Rebalance() ?? OwnShard() ?? Chance() ?? Unexplained();
        if (advice.Action is SkewAction.IsolateTenant or SkewAction.Rebalance && _facts.BeforeTransfer is { } before)
            advice = advice with { Reason = $"{advice.Reason} {before}" };
        return (verdict, advice);
    }

    /// <summary>Values that fill more than a mean shard each.</summary>
    private List<HeavyValue> Heavy => _keys?.Heaviest.Where(v => v.Share * _shards.Parts >= 1).ToList() ?? [];

    private bool ShardsAreUneven => VerdictOf(_shards.MaxToMean, 1) != SkewVerdict.Balanced;

    private SkewAdvice? OtherColumn()
    {
        if (_keys is null || !ShardsAreUneven) return null;
        double unique = Spread.ExpectedMaxToMean(_shards.Parts, _keys.Rows), heavy = Heavy.Sum(v => v.Share);
        bool few = _keys.EffectiveValues < _shards.Parts * 2 && Heavy.Count != 1;
        // Where no column could do better, as in a table of a few rows, none is to be looked for.
        if ((heavy <= 0.5 && !few) || unique > _shards.MaxToMean * 0.75) return null;
        string why = heavy > 0.5
            ? Text($"{Named(Heavy)} {(Heavy.Count == 1 ? "has" : "together have")} {Percent(heavy)} of all rows")
            : Text($"{_facts.Column} has {_keys.Distinct:N0} distinct values, which weigh as {_keys.EffectiveValues:N0} equal ones, for {_shards.Parts} shards");
        return new(SkewAction.OtherColumn,
            Text($"{why}: no number of shards makes the largest one ({_shards.MaxToMean:0.00} times the mean) small. A column of unique values would give about {unique:0.00}."),
            SkewAdvice.FindColumn(_facts.Table), unique, Spread.BestMaxToMean(Enumerable.Repeat(1L, _shards.Parts), _nodes.Parts));
    }

    private SkewAdvice? IsolateTenant()
    {
        if (!ShardsAreUneven) return null;
        Dictionary<long, ShardFacts> shards = _facts.Shards.ToDictionary(s => s.ShardId);
        // A shard of a single hash is a tenant's own already.
        List<HeavyValue> heavy = [.. Heavy.Concat(TakeOut()).DistinctBy(v => (v.ShardId, v.Value))
            .Where(v => shards[v.ShardId].HashMin < shards[v.ShardId].HashMax)];
        if (heavy.Count == 0) return null;
        bool areShards = heavy.TrueForAll(v => v.Share * _shards.Parts >= 1);
        var rest = new Dictionary<long, long>(_amounts);
        var own = new List<long>();
        foreach (HeavyValue value in heavy)
        {
            KeyFacts keys = _facts.Keys[value.ShardId];
            long amount = (long)(_amounts[value.ShardId] * Math.Min(1, value.Rows / Math.Max(1, keys.Rows)));
            rest[value.ShardId] = Math.Max(0, rest[value.ShardId] - amount);
            own.Add(amount);
        }
        Spread after = Spread.Of(rest.Values);
        if (!areShards && after.MaxToMean > _shards.MaxToMean - 0.1) return null;
        double nodes = Spread.BestMaxToMean(rest.Values.Concat(own), _nodes.Parts);
        return new(SkewAction.IsolateTenant,
            Text($"{(areShards ? $"{Named(heavy)} {(heavy.Count == 1 ? "alone fills" : "each fill")} more than a mean shard, with {Percent(heavy.Sum(v => v.Share))} of the rows" : Weigh(heavy))}. {(heavy.Count == 1 ? "In a shard of its own it leaves" : "In shards of their own they leave")} the others at {after.MaxToMean:0.00} times their mean (now {_shards.MaxToMean:0.00}), and the nodes can be brought to {nodes:0.00} (now {_nodes.MaxToMean:0.00})."),
            SkewAdvice.SplitTenants(_facts.Table, heavy.Select(v => v.Value), _facts.LacksIdentity), after.MaxToMean, nodes);
    }

    /// <summary>Values lighter than a mean shard that, taken out of a shard that is too large, bring it down to an even one.</summary>
    private IEnumerable<HeavyValue> TakeOut()
    {
        double total = _facts.Keys.Values.Sum(k => k.Rows);
        foreach ((long shard, long amount) in _amounts.Where(a => a.Value > _shards.Mean * EvenShard && _facts.Keys.ContainsKey(a.Key)))
        {
            KeyFacts keys = _facts.Keys[shard];
            double left = amount;
            foreach (HeavyValue value in keys.Heaviest.OrderByDescending(v => v.Rows))
            {
                double share = amount * Math.Min(1, value.Rows / Math.Max(1, keys.Rows));
                if (left <= _shards.Mean * EvenShard || share < _shards.Mean * WorthAShard) break;
                left -= share;
                yield return value with { Share = Math.Round(value.Rows / Math.Max(1, total), 6) };
            }
        }
    }

    /// <summary>"user_id 7 has 15,492 of the 47,533 rows of shard 102008".</summary>
    private string Weigh(List<HeavyValue> values) => string.Join(", ", values.Select(v => Text(
        $"{_facts.Column} {v.Value} has {v.Rows:N0} of the {_facts.Keys[v.ShardId].Rows:N0} rows of shard {v.ShardId}")));

    private SkewAdvice? Rebalance()
    {
        // Of which copy the plan is, it does not tell.
        if (_facts.Moves is null || _facts.Shards.Any(s => s.Copies.Count > 0) || VerdictOf(1, _nodes.MaxToMean) == SkewVerdict.Balanced)
            return null;
        int moved = _facts.Shards.Count(s => _facts.Moves.ContainsKey(s.ShardId));
        if (moved == 0) return null;
        double after = Spread.Of([.. PerNode(s => _facts.Moves.TryGetValue(s.ShardId, out (string, int) to) ? to
            : (s.NodeName, s.NodePort)).Values]).MaxToMean;
        if (after > _nodes.MaxToMean - 0.05) return null;
        return new(SkewAction.Rebalance,
            Text($"The fullest node has {_nodes.MaxToMean:0.00} times the mean. Moving {moved} of the {_shards.Parts} shards, as the cluster's rebalancer plans, brings it to {after:0.00}."),
            SkewAdvice.Rebalance, null, after);
    }

    private SkewAdvice? OwnShard()
    {
        ShardFacts largest = _facts.Shards.MaxBy(s => _amounts[s.ShardId])!;
        return largest.HashMin < largest.HashMax || !ShardsAreUneven ? null : new(SkewAction.None,
            Text($"The largest shard, {largest.ShardId}, is that of a single value already ({_shards.MaxToMean:0.00} times the mean); it can't be made smaller, only moved to a less busy node."));
    }

    private SkewAdvice? Chance() =>
        _keys is null || !ShardsAreUneven || Expected is not { } expected || _shards.MaxToMean > expected * 1.2 ? null
            : new(SkewAction.None,
            Text($"This is chance: {_keys.Distinct:N0} values, which weigh as {_keys.EffectiveValues:N0} equal ones, hashed into {_shards.Parts} shards give about {expected:0.00} times the mean in the largest (here {_shards.MaxToMean:0.00}). More rows of more values even it out."));

    private SkewAdvice Unexplained()
    {
        if (_shards.Parts < _nodes.Parts)
            return new(SkewAction.None, $"{_shards.Parts} shard(s) can't fill {_nodes.Parts} nodes.",
                SkewAdvice.MoreShards(_facts.Table, _nodes.Parts * 4));
        ShardFacts largest = _facts.Shards.MaxBy(s => _amounts[s.ShardId])!;
        string how = Text($"The largest shard, {largest.ShardId}, has {_amounts[largest.ShardId]:N0} {Unit}, {_shards.MaxToMean:0.00} times the mean; the fullest node has {_nodes.MaxToMean:0.00} times.");
        if (_keys is null)
            return new(SkewAction.None, $"{how} {SkewAdvice.NoStatistics}", SkewAdvice.CountRows(_facts.Table));
        double rows = _facts.Keys.GetValueOrDefault(largest.ShardId)?.Rows ?? 0;
        double toMean = rows * _facts.Keys.Count / Math.Max(1, _keys.Rows);
        HeavyValue? heaviest = _facts.Keys.GetValueOrDefault(largest.ShardId)?.Heaviest.MaxBy(v => v.Rows);
        string of = heaviest is null ? ""
            : Text($" Its heaviest value, {_facts.Column} {heaviest.Value}, has {heaviest.Rows:N0} of its {rows:N0} rows.");
        return new(SkewAction.None, _by == SkewMeasure.Bytes && ShardsAreUneven && toMean < (1 + _shards.MaxToMean) / 2
            ? Text($"{how}{of} By rows it has only {toMean:0.00} times the mean: its rows are larger than others, or it is bloated (VACUUM FULL). {SkewAdvice.RowsTell}")
            : $"{how}{of} Taking single values out of it would not make it even, and the rebalancer plans no move.");
    }

    private Dictionary<(string Name, int Port), long> PerNode(Func<ShardFacts, (string, int)> nodeOf)
    {
        // A node without any shard of the table counts: it could have some.
        var nodes = _facts.Nodes.ToDictionary(n => n, _ => 0L);
        foreach (ShardFacts shard in _facts.Shards)
        {
            foreach ((string, int) node in shard.Copies.Prepend(nodeOf(shard)))
                nodes[node] = nodes.GetValueOrDefault(node) + _amounts[shard.ShardId];
        }
        return nodes;
    }

    private string Named(List<HeavyValue> values) => values.Count <= 3
        ? string.Join(" and ", values.Select(v => $"{_facts.Column} {v.Value}"))
        : $"{_facts.Column} {string.Join(", ", values.Select(v => v.Value))}";

    private static string Percent(double share) => Text($"{share * 100:0.#}%");

    private static double Share(double part, double whole) => whole == 0 ? 0 : Math.Round(part / whole, 4);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
