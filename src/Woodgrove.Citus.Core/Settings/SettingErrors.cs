using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Settings;

/// <summary>Errors and advice of parameters.</summary>
internal static class SettingErrors
{
    public static CitusException NotShown(string name) =>
        new("CitusSettingNotFound", CitusErrorKind.ObjectNotFound,
            $"The cluster's servers do not have the parameter '{name}', or do not show it to this user.",
            "Some parameters are shown to members of pg_read_all_settings or pg_monitor only; others come with a newer version.")
                { Target = name };

    public static CitusException NotListed(string name) =>
        new("CitusSettingNotFound", CitusErrorKind.ObjectNotFound, $"'{name}' is not one of the parameters that this cmdlet knows.",
            $"It knows {string.Join(", ", SettingAdvice.All.Select(a => a.Name))}; Invoke-CitusQuery 'SHOW …' shows any other.")
                { Target = name };
}
