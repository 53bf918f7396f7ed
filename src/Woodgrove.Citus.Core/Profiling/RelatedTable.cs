using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Profiling;

/// <param name="ByIt">It is distributed by that column.</param>
/// <param name="IsKey">The column is its whole primary key.</param>
/// <param name="IsForeignKey">A foreign key leads from one to the other.</param>
/// <param name="IsNear">A foreign key does, or both are of one schema: joins between them are to be expected.</param>
/// <param name="IsReadable">The role may read its rows.</param>
internal sealed record RelatedTable(string Table, TableName Name, bool ByIt, bool IsKey, bool IsReference, bool IsForeignKey, bool IsNear,
    bool IsReadable);
