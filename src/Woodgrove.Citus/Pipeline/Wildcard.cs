using System.Management.Automation;

namespace Woodgrove.Citus.Pipeline;

/// <summary>Wildcards in the parameters of cmdlets.</summary>
internal static class Wildcard
{
    /// <summary>A pattern that ignores case. PowerShell would refuse an invalid one only once there is something to compare.</summary>
    /// <exception cref="WildcardPatternException">It is invalid, such as <c>a[</c>.</exception>
    public static WildcardPattern Parse(string text)
    {
        var pattern = new WildcardPattern(text, WildcardOptions.IgnoreCase);
        pattern.IsMatch("");
        return pattern;
    }
}
