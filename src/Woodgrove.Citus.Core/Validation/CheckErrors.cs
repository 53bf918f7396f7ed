using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Validation;

/// <summary>Errors of choosing checks.</summary>
internal static class CheckErrors
{
    public static CitusException NoThreshold(string check, string name) =>
        new("CitusInvalidThreshold", CitusErrorKind.InvalidArgument, $"{check} has no threshold.",
            "Get-CitusCheck lists the checks that have one, with what it means.") { Target = name };

    public static CitusException NoCheck(string pattern) =>
        new("CitusCheckNotFound", CitusErrorKind.ObjectNotFound,
            $"There is no check named '{pattern}'.", "Get-CitusCheck lists them.") { Target = pattern };
}
