
namespace Woodgrove.Citus.Values;

/// <summary>Errors of values that are converted.</summary>
internal static class ValueErrors
{
    public static FormatException TooManyDigits(int most) =>
        new($"it has more than {most} digits, which would be rounded; without -Culture they are kept");
}
