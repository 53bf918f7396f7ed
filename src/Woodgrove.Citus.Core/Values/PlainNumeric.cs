namespace Woodgrove.Citus.Values;

/// <summary>
/// A decimal number as PostgreSQL keeps it: base-10,000 digits, the first of which counts 10,000 to the power of the
/// weight.
/// </summary>
/// <param name="Scale">Decimal digits after the point, trailing zeros included.</param>
internal readonly record struct PlainNumeric(int Groups, int Weight, bool IsNegative, int Scale);
