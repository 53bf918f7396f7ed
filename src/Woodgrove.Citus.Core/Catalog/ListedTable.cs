namespace Woodgrove.Citus.Catalog;

/// <summary>A table as a pattern finds it.</summary>
/// <param name="Table">Schema-qualified where its schema is not on the search path.</param>
/// <param name="FullName">With its schema.</param>
/// <param name="IsHashed">Distributed by a column.</param>
/// <param name="IsModules">The module's own.</param>
public sealed record ListedTable(string Table, string FullName, bool IsHashed, bool IsModules);
