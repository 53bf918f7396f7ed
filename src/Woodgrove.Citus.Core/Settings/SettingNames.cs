namespace Woodgrove.Citus.Settings;

/// <summary>The parameters that there is advice on.</summary>
public static class SettingNames
{
    public static IReadOnlyList<string> All { get; } = [.. SettingAdvice.All.Select(a => a.Name)];
}
