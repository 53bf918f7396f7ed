namespace Woodgrove.Citus.Queries;

/// <summary>One column of a result; names are made distinct (<c>count</c>, <c>count_2</c>).</summary>
public sealed record ResultColumn(string Name, Type Type, string DataTypeName);
