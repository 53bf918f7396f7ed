using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Export;

/// <summary>What a snapshot has of a table on one node: a shard, or the table itself where Citus does not split it.</summary>
/// <param name="Node">The node; default where it is the server that the connection leads to.</param>
/// <param name="HashMin">The lowest hash of its rows, and <paramref name="HashMax"/> the highest; null where no hash places them.</param>
internal sealed record SnapshotShard(TableInfo Table, TableName Name, NodeName Node, int? HashMin, int? HashMax);
