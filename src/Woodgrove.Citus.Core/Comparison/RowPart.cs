using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Comparison;

/// <summary>Rows that one query reads: those of a shard, or of a whole table.</summary>
/// <param name="From">What is read.</param>
/// <param name="IsPassedOn">True where Citus passes the query on to the nodes.</param>
/// <param name="Misplaced">SQL that is true of a row that is in the wrong shard, or false where that is not known.</param>
internal sealed record RowPart(TableName From, bool IsPassedOn, string Misplaced = "false");
