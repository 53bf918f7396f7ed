using System.Collections;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Completes names of rebalance strategies.</summary>
internal sealed class StrategyCompleter : CatalogCompleter
{
    protected override Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop) =>
        ShardRebalancer.StrategiesAsync(connection, stop);
}
